"""What is declared at the broker: one queue a lane."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from allotment.model.queue import Queue, WhenFull
from allotment.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class BrokerQueue:
    """A durable queue with its direct exchange and key, and its arguments by RabbitMQ's names."""

    name: str
    exchange: str
    routing_key: str
    arguments: Mapping[str, str | int] = field(default_factory=dict)


def broker_queues(plan: Plan) -> tuple[BrokerQueue, ...]:
    """Give every queue to declare.

    A queue's plain name is bound with the file's exchange and key, so that other producers reach it; a narrower lane is
    bound with its own name.
    """
    found = []
    for name, lanes in plan.queues.items():
        queue = plan.model.queues[name]
        exchange = queue.exchange or queue.name
        arguments = _arguments(queue)
        found.append(BrokerQueue(name, exchange, queue.routing_key or queue.name, arguments))
        found += (
            BrokerQueue(lane.name, exchange, lane.name, arguments)
            for lane in lanes.by_set.values()
            if lane.name != name
        )
    return tuple(found)


def _arguments(queue: Queue) -> dict[str, str | int]:
    """Give a queue's arguments. RabbitMQ drops from the head unless told otherwise (its docs, "Queue Length Limit")."""
    if queue.max_length is None:
        return {}
    overflow = "reject-publish" if queue.when_full is WhenFull.REJECT else "drop-head"
    return {"x-max-length": queue.max_length, "x-overflow": overflow}
