"""Many messages that are confirmed together.

A confirm takes the broker a write to disk and the network a way there and back, for which one message after another
waits. Inside of `together` a send returns when its message is made; many are written at once, and what the broker says
of them is taken in later (https://www.rabbitmq.com/docs/publishers, on the strategies).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from celery import Celery

from allotment.engine.publishing.attempt import Attempt


class OnTheirWay(Protocol):
    """Messages that were written to a channel, and of which the broker has said nothing yet."""

    def settle(self) -> None:
        """Wait until what became of each is known."""

    def flush(self) -> None:
        """Have everything written that was put."""


@dataclass(slots=True)
class Bulk:
    """The messages that a thread sends together.

    `failed` has, by the id of the task, the errors of those that were written and then not taken, or of which nobody
    knows: PublishFailed and BrokerUnreachable. It is complete when `together` has ended. What goes wrong before a
    message is written is raised where it is sent.
    """

    app: Celery
    producer: Any
    failed: dict[str, Exception] = field(default_factory=dict)
    on_their_way: OnTheirWay | None = None
    _thread: int = field(default_factory=threading.get_ident)
    _ended: bool = False

    def serves(self, app: Celery) -> bool:
        """Say whether a task that this thread sends now goes with it: contexts are copied to threads and tasks."""
        return not self._ended and app is self.app and threading.get_ident() == self._thread

    def connected(self) -> Any:
        """Give the producer, with another channel where its own is of no use any more."""
        if self.producer.channel.connection is None:
            self.producer.revive(self.producer.connection)
        return self.producer

    def fail(self, attempt: Attempt, error: Exception) -> None:
        """Note that a message was not taken, or that nobody knows."""
        self.failed[str(attempt.task_id)] = error

    def settle(self) -> None:
        """Wait until what became of every message is known."""
        if self.on_their_way is not None:
            self.on_their_way.settle()

    def flush(self) -> None:
        """Have everything written that was sent: the broker gets it then at the latest."""
        if self.on_their_way is not None:
            self.on_their_way.flush()

    def end(self) -> None:
        """Take nothing more."""
        self._ended = True


BulkKind = TypeVar("BulkKind", bound=Bulk)

_current: ContextVar[Bulk | None] = ContextVar("allotment_bulk", default=None)


def current_bulk(app: Celery) -> Bulk | None:
    """Give what this thread sends together with other tasks of the app; None: each by itself."""
    bulk = _current.get()
    return bulk if bulk is not None and bulk.serves(app) else None


@contextmanager
def together(app: Celery, kind: type[BulkKind] = Bulk) -> Iterator[BulkKind]:  # type: ignore[assignment]
    """Send the tasks of an app together that are sent inside of this over no connection of their own.

    A task that is sent again by its own run goes by itself. Raises nothing for what `failed` tells. An error inside is
    raised after what was written has been waited for.
    """
    with app.producer_or_acquire() as producer:
        bulk = kind(app, producer)
        token = _current.set(bulk)
        try:
            yield bulk
        except Exception:
            bulk.settle()
            raise
        else:
            bulk.settle()
        finally:
            bulk.end()
            _current.reset(token)
