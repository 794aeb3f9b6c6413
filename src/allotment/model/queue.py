"""Queues as people talk about them. What the broker is told of them is the plan's business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class WhenFull(StrEnum):
    """What a queue at its length limit does with one message more."""

    REJECT = "reject"
    DROP_OLDEST = "drop-oldest"


class ExchangeType(StrEnum):
    """How an exchange finds a queue: by the very key, or by a pattern of words.

    A fanout exchange copies each message to every queue bound to it, so one call would run several times; it is not
    offered for tasks.
    """

    DIRECT = "direct"
    TOPIC = "topic"


class QueueType(StrEnum):
    """How RabbitMQ keeps a queue: on one node, or replicated over several."""

    CLASSIC = "classic"
    QUORUM = "quorum"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the fleet file.

    `exchange` and `routing_key` are where other producers publish to reach it; both are the queue's name where left
    out, as in Celery. `max_length` counts messages, `delivery_limit` deliveries of one message; `dead_letter` names the
    queue that takes what the broker gives up. `type` None: the file does not say, and the plan decides. `arguments` go
    to RabbitMQ as they are.
    """

    name: str
    exchange: str | None = None
    routing_key: str | None = None
    max_length: int | None = None
    when_full: WhenFull = WhenFull.REJECT
    exchange_type: ExchangeType = ExchangeType.DIRECT
    durable: bool = True
    type: QueueType | None = None
    max_priority: int | None = None
    delivery_limit: int | None = None
    dead_letter: str | None = None
    arguments: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The queue in which messages are set aside; at most `max_length` of them are."""

    max_length: int = 100_000
