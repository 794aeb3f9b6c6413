"""Queues as people talk about them. What the broker is told of them is the plan's business."""

from dataclasses import dataclass
from enum import StrEnum


class WhenFull(StrEnum):
    """What a queue at its length limit does with one message more."""

    REJECT = "reject"
    DROP_OLDEST = "drop-oldest"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the fleet file.

    `exchange` and `routing_key` are where other producers publish to reach it; both are the queue's name where left
    out, as in Celery. `max_length` counts messages.
    """

    name: str
    exchange: str | None = None
    routing_key: str | None = None
    max_length: int | None = None
    when_full: WhenFull = WhenFull.REJECT
