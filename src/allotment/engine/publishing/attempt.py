"""One message on its way to the broker: until when, and how far it has come.

What connects, declares, waits and retries on its behalf is Celery's, kombu's and the broker library's, and none of them
knows of the others' time. So the message is kept in a context variable, which each of them that is ours looks at.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allotment.engine.publishing.bulk import Bulk


class DeadlinePassed(Exception):
    """The deadline of a publish is over; kombu does not know this error and so tries nothing more."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point of the monotonic clock, and the seconds that there were until then."""

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Give the deadline so many seconds from now."""
        return cls(seconds, time.monotonic() + seconds)

    def left(self) -> float:
        """Give the seconds that are left, 0 where it is over."""
        return max(0.0, self.at - time.monotonic())

    def check(self) -> None:
        """Raise DeadlinePassed where it is over."""
        if not self.left():
            raise DeadlinePassed


def _no_arguments(_: str) -> Mapping[str, Any]:
    return {}


@dataclass(slots=True)
class Attempt:
    """A message that is being published.

    `task` and `task_id` are for the words of errors. `max_size` is in bytes, None: any. `arguments` gives what a broker
    queue was declared with, by its name. `putting`: it is being handed to Redis; `sent`: all of it was written to the
    broker, and nothing is known of what became of it; `confirmed`: the broker has it. `bulk`: what it is sent together
    with; `left`: that tells what becomes of it.
    """

    deadline: Deadline
    task: str
    task_id: str | None = None
    queue: str | None = None
    max_size: int | None = None
    arguments: Callable[[str], Mapping[str, Any]] = field(default=_no_arguments)
    bulk: "Bulk | None" = None
    putting: bool = False
    sent: bool = False
    confirmed: bool = False
    left: bool = False

    @property
    def named(self) -> str:
        """The task and its id, as errors name them."""
        return f"{self.task!r} (id {self.task_id})" if self.task_id else repr(self.task)


_current: ContextVar[Attempt | None] = ContextVar("allotment_attempt", default=None)


def current() -> Attempt | None:
    """Give the message that this thread is publishing and that the broker has not confirmed; None: no such."""
    attempt = _current.get()
    return None if attempt is None or attempt.confirmed else attempt


def current_of(headers: Mapping[str, Any] | None, correlation_id: Any) -> Attempt | None:
    """Give the message that this thread publishes where these are its own, else None.

    A handler of `before_task_publish` may send something else first, whose fate says nothing of the task's.
    """
    attempt = current()
    if attempt is None or attempt.task_id is None:
        return attempt
    return attempt if attempt.task_id in {str((headers or {}).get("id")), str(correlation_id)} else None


@contextmanager
def under_way(attempt: Attempt) -> Iterator[Attempt]:
    """Make it the message that this thread publishes."""
    token = _current.set(attempt)
    try:
        yield attempt
    finally:
        _current.reset(token)


def within(seconds: float | None) -> float | None:
    """Give a time to wait, in seconds or None for ever, cut to what the message that is being published has left."""
    attempt = current()
    if attempt is None:
        return seconds
    left = attempt.deadline.left()
    return left if seconds is None else min(seconds, left)
