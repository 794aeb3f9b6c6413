"""What was sent, and what was not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from celery import Celery
from celery.result import AsyncResult

from allotment.engine.dispatch.identities import Identities
from allotment.errors import AllotmentError, ExitCode


class Sent(Sequence[AsyncResult]):
    """The results of the tasks that were sent, in the order of their items; each is made when it is asked for.

    `ids` are those of the tasks. Items that failed have no place here.
    """

    def __init__(self, app: Celery, identities: Identities, failed: Sequence[int] = ()) -> None:
        self.app = app
        without = frozenset(failed)
        self.ids: Sequence[str] = (
            [identities.of(number) for number in range(identities.size) if number not in without]
            if without
            else identities
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[AsyncResult]:
        return map(self.app.AsyncResult, self.ids)

    @overload
    def __getitem__(self, number: int) -> AsyncResult: ...
    @overload
    def __getitem__(self, number: slice) -> list[AsyncResult]: ...
    def __getitem__(self, number: int | slice) -> Any:
        if isinstance(number, slice):
            return [self.app.AsyncResult(each) for each in self.ids[number]]
        return self.app.AsyncResult(self.ids[number])

    def __repr__(self) -> str:
        return f"<Sent: {len(self)} tasks>"


@dataclass(frozen=True, slots=True)
class NotSent:
    """An item that was not sent: its number from 0, the item, the id its task was to have, and why.

    Of one with a PublishUnconfirmed nobody knows.
    """

    number: int
    item: Any
    id: str
    error: Exception


class NotAllSent(AllotmentError):
    """Some of many tasks were not sent, or nobody knows of them; what became of the others is known.

    `sent` are the results of those that the broker has; `failed` the items that failed, each with its `number`, `item`,
    `id` and `error`; `cause` is why nothing more was tried, None where every item was.
    """

    code = "not-all-sent"
    exit_code = ExitCode.FINDINGS

    def __init__(
        self,
        task: str,
        sent: Sent,
        failed: Sequence[NotSent],
        *,
        untried: Sequence[Any],
        unread: Iterator[Any],
        cause: Exception | None,
    ) -> None:
        first = cause or failed[0].error
        stopped = ", and nothing more was tried" if cause is not None else ""
        super().__init__(
            f"{len(sent)} of the tasks {task!r} were sent and {len(failed) + len(untried)} not{stopped}: {first}",
            hint="`failed` says which and why, `rest()` gives what is still to be sent",
        )
        self.task = task
        self.sent = sent
        self.failed = tuple(failed)
        self.cause = cause
        self._untried = tuple(untried)
        self._unread = unread

    def rest(self) -> Iterator[Any]:
        """Give the items that failed, then those that were not tried, to be sent once more.

        One of which nobody knows (PublishUnconfirmed) is among them: it may run twice then.
        """
        yield from (one.item for one in self.failed)
        yield from self._untried
        yield from self._unread
