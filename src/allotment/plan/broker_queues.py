"""What is declared at the broker: one queue a lane, and those that dead letters go to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from allotment.model.names import DEAD_QUEUE, DROPPED_QUEUE
from allotment.model.queue import DeadLetters, ExchangeType, Queue, QueueType, WhenFull
from allotment.plan.delivery import is_quorum, keeps_dead_letters
from allotment.plan.plan import Plan

DROPPED_LENGTH = 10_000
DROPPED_BYTES = 64 * 2**20
"""How much is kept at most of what queues drop."""

Arguments = Mapping[str, str | int | float | bool]

_CLASSIC: Arguments = {"x-queue-type": str(QueueType.CLASSIC)}
"""Said where it has to be so: a virtual host may make other queues quorum queues, which count each look at a message as
a delivery. A classic queue that was declared without it is the same to RabbitMQ (measured with 3.10)."""


@dataclass(frozen=True, slots=True)
class BrokerQueue:
    """A queue with its exchange and key, and its arguments by RabbitMQ's names; exchange None: the default one."""

    name: str
    exchange: str | None
    routing_key: str
    arguments: Arguments = field(default_factory=dict)
    exchange_type: ExchangeType = ExchangeType.DIRECT
    durable: bool = True


def broker_queues(plan: Plan) -> tuple[BrokerQueue, ...]:
    """Give every queue that tasks are sent to.

    A queue's plain name is bound with the file's exchange and key, so that other producers reach it. A narrower lane is
    bound to a direct exchange with its own name, and to no topic exchange, where others' keys might match it too.
    """
    return tuple(found for name in plan.queues for found in _lanes(plan, plan.declared[name]))


def dead_letter_queues(plan: Plan) -> tuple[BrokerQueue, ...]:
    """Give the queues that dead letters go to and tasks are not sent to; only Allotment's own have limits."""
    own = {DEAD_QUEUE: dead_queue(plan.model.dead_letters), DROPPED_QUEUE: dropped_queue()}
    names = dict.fromkeys(queue.dead_letter for queue in plan.declared.values() if queue.dead_letter is not None)
    return tuple(own.get(name) or BrokerQueue(name, None, name) for name in names if name not in plan.queues)


def dead_queue(said: DeadLetters) -> BrokerQueue:
    """Give `allotment.dead`: when it is full it takes nothing more, and loses nothing it has."""
    limits: Arguments = {"x-max-length": said.max_length, "x-overflow": "reject-publish"}
    return BrokerQueue(DEAD_QUEUE, None, DEAD_QUEUE, {**limits, **_CLASSIC})


def dropped_queue() -> BrokerQueue:
    """Give `allotment.dropped`, which keeps the newest of what other queues drop."""
    limits: Arguments = {"x-max-length": DROPPED_LENGTH, "x-max-length-bytes": DROPPED_BYTES, "x-overflow": "drop-head"}
    return BrokerQueue(DROPPED_QUEUE, None, DROPPED_QUEUE, {**limits, **_CLASSIC})


def _lanes(plan: Plan, queue: Queue) -> Iterator[BrokerQueue]:
    exchange, arguments = queue.exchange or queue.name, _arguments(queue, safe=queue.name in plan.safe)
    key = queue.routing_key or queue.name
    yield BrokerQueue(queue.name, exchange, key, arguments, queue.exchange_type, queue.durable)
    direct = queue.exchange_type is ExchangeType.DIRECT
    for lane in plan.queues[queue.name].lanes:
        if lane.name != queue.name:
            yield BrokerQueue(
                lane.name, exchange if direct else None, lane.name, arguments, ExchangeType.DIRECT, queue.durable
            )


def _arguments(queue: Queue, *, safe: bool) -> Arguments:
    """Give a queue's arguments. RabbitMQ drops from the head unless told otherwise (its docs, "Queue Length Limit").

    A classic queue takes no `x-delivery-limit`; there the guard counts.
    """
    found: dict[str, str | int | float | bool] = {}
    if queue.max_length is not None:
        overflow = "reject-publish" if queue.when_full is WhenFull.REJECT else "drop-head"
        found |= {"x-max-length": queue.max_length, "x-overflow": overflow}
    if queue.type is not None:
        found["x-queue-type"] = str(queue.type)
    if queue.max_priority is not None:
        found["x-max-priority"] = queue.max_priority
    if queue.delivery_limit is not None and is_quorum(queue):
        found["x-delivery-limit"] = queue.delivery_limit
    if keeps_dead_letters(queue, safe=safe):
        found |= {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    if queue.dead_letter is not None:
        # the default exchange leads to the queue of the key's name
        found |= {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue.dead_letter}
    return {**found, **queue.arguments}
