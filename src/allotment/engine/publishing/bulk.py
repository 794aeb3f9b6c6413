"""Many messages that are confirmed together.

A confirm takes the broker a write to disk and the network a way there and back, for which one message after another
waits. Inside of `together` a send returns when its message is written, and what the broker says of it is taken in later
(https://www.rabbitmq.com/docs/publishers, on the strategies).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from celery import Celery


class OnTheirWay(Protocol):
    """Messages that were written to a channel, and of which the broker has said nothing yet."""

    def settle(self) -> None:
        """Wait until what became of each is known."""


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

    def settle(self) -> None:
        """Wait until what became of every message is known."""
        if self.on_their_way is not None:
            self.on_their_way.settle()


_current: ContextVar[Bulk | None] = ContextVar("allotment_bulk", default=None)


def current_bulk() -> Bulk | None:
    """Give what this thread sends together; None: each message by itself."""
    return _current.get()


@contextmanager
def together(app: Celery) -> Iterator[Bulk]:
    """Send the tasks of an app together that are sent inside of this without a producer of their own.

    Raises nothing for what `failed` tells. An error inside is raised after what was written has been waited for.
    """
    with app.producer_or_acquire() as producer:
        bulk = Bulk(app, producer)
        token = _current.set(bulk)
        try:
            yield bulk
        except Exception:
            bulk.settle()
            raise
        else:
            bulk.settle()
        finally:
            _current.reset(token)
