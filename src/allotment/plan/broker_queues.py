"""What is declared at the broker: one queue a lane, and those that dead letters go to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from allotment.model.queue import ExchangeType, Queue, QueueType, WhenFull
from allotment.plan.plan import Plan

Arguments = Mapping[str, str | int | float | bool]


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
    return tuple(found for name in plan.queues for found in _lanes(plan, plan.model.queues[name]))


def dead_letter_queues(plan: Plan) -> tuple[BrokerQueue, ...]:
    """Give the queues that dead letters go to and tasks are not sent to; they have no limits."""
    names = dict.fromkeys(queue.dead_letter for queue in plan.model.queues.values() if queue.dead_letter is not None)
    return tuple(BrokerQueue(name, None, name) for name in names if name not in plan.queues)


def _lanes(plan: Plan, queue: Queue) -> Iterator[BrokerQueue]:
    exchange, arguments = queue.exchange or queue.name, _arguments(queue)
    key = queue.routing_key or queue.name
    yield BrokerQueue(queue.name, exchange, key, arguments, queue.exchange_type, queue.durable)
    direct = queue.exchange_type is ExchangeType.DIRECT
    for lane in plan.queues[queue.name].lanes:
        if lane.name != queue.name:
            yield BrokerQueue(
                lane.name, exchange if direct else None, lane.name, arguments, ExchangeType.DIRECT, queue.durable
            )


def _arguments(queue: Queue) -> Arguments:
    """Give a queue's arguments. RabbitMQ drops from the head unless told otherwise (its docs, "Queue Length Limit")."""
    found: dict[str, str | int | float | bool] = {}
    if queue.max_length is not None:
        overflow = "reject-publish" if queue.when_full is WhenFull.REJECT else "drop-head"
        found |= {"x-max-length": queue.max_length, "x-overflow": overflow}
    if queue.type is not QueueType.CLASSIC:
        found["x-queue-type"] = str(queue.type)
    for argument, value in (("x-max-priority", queue.max_priority), ("x-delivery-limit", queue.delivery_limit)):
        if value is not None:
            found[argument] = value
    if queue.dead_letter is not None:
        # the default exchange leads to the queue of the key's name
        found |= {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue.dead_letter}
    return {**found, **queue.arguments}
