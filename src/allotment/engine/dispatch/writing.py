"""What those that write messages share: the bulk they write into, and what a message is made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from celery import Celery
from kombu.serialization import dumps

from allotment.engine.dispatch.items import Arguments
from allotment.engine.dispatch.template import Template
from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import Attempt, Deadline
from allotment.engine.publishing.bulk import Bulk
from allotment.engine.publishing.sending import arguments_at, sending
from allotment.errors import BrokerUnreachable, PublishFailed


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A task that is to be sent: its number, its id, what was given for it, and the arguments in that."""

    number: int
    identity: str
    item: Any
    arguments: Arguments


@dataclass(slots=True)
class OutgoingAttempt(Attempt):
    """The attempt to send one of them."""

    outgoing: Outgoing | None = None


@dataclass(slots=True)
class ManyBulk(Bulk):
    """A bulk of tasks that are numbered: `unsent` has those that were not taken, or of which nobody knows."""

    unsent: list[tuple[Outgoing, Exception]] = field(default_factory=list)

    def fail(self, attempt: Attempt, error: Exception) -> None:
        """Note that a task was not taken, or that nobody knows."""
        if isinstance(attempt, OutgoingAttempt) and attempt.outgoing is not None:
            self.unsent.append((attempt.outgoing, error))


class Stopped(Exception):
    """The broker is not there or takes nothing, so that nothing more is tried; `tasks` were not sent."""

    def __init__(self, error: Exception, tasks: Sequence[Outgoing]) -> None:
        super().__init__(str(error))
        self.error = error
        self.tasks = tasks


@dataclass(frozen=True, slots=True)
class Sending:
    """One task that is sent many times: as what, by when each, and into which bulk."""

    app: Celery
    task: str
    bulk: ManyBulk
    timeout: float
    max_size: int | None

    @property
    def retries(self) -> Mapping[str, Any]:
        """How kombu connects again."""
        return dict(self.app.conf.task_publish_retry_policy)

    def attempt(self, task: Outgoing, deadline: Deadline) -> OutgoingAttempt:
        """Give the attempt to send a task."""
        return OutgoingAttempt(
            deadline,
            self.task,
            task.identity,
            max_size=self.max_size,
            arguments=lambda queue: arguments_at(self.app, queue),
            bulk=self.bulk,
            outgoing=task,
        )

    def check_size(self, attempt: Attempt, size: int) -> None:
        """Raise MessageTooLarge."""
        if self.max_size is not None and size > self.max_size:
            raise failures.too_large(attempt, size)

    @contextmanager
    def several(self, unsent: Callable[[], Sequence[Outgoing]]) -> Iterator[Attempt]:
        """Send some inside of this by one deadline, as one attempt. Raises Stopped with those that are unsent then."""
        try:
            with sending(self.app, self.task, timeout=self.timeout, bulk=self.bulk) as attempt:
                yield attempt
        except (PublishFailed, BrokerUnreachable) as error:
            raise Stopped(error, unsent()) from error


class Writer(Protocol):
    """Writes messages made from a template."""

    def write(self, tasks: Sequence[Outgoing]) -> None:
        """Write some. What becomes of each is told to the bulk. Raises Stopped."""


def encoder(template: Template) -> Callable[[Arguments], bytes]:
    """Give what encodes a body. It raises kombu's EncodeError."""
    serializer, embedded = template.serializer, template.embedded

    def encode(arguments: Arguments) -> bytes:
        args, kwargs = arguments
        body = dumps((args, kwargs, embedded), serializer)[2]
        return body.encode() if isinstance(body, str) else body

    return encode
