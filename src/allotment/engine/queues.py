"""The plan's broker queues as kombu's."""

from kombu import Exchange, Queue

from allotment.plan.broker_queues import BrokerQueue, broker_queues
from allotment.plan.plan import Plan


def kombu_queues(plan: Plan) -> dict[str, Queue]:
    """Give every queue of the plan that tasks are sent to, by its name."""
    return {queue.name: kombu_queue(queue) for queue in broker_queues(plan)}


def kombu_queue(queue: BrokerQueue) -> Queue:
    """Give one queue, on a durable exchange of its own type or on the default one."""
    exchange = Exchange("") if queue.exchange is None else Exchange(queue.exchange, type=str(queue.exchange_type))
    return Queue(
        queue.name,
        exchange,
        routing_key=queue.routing_key,
        durable=queue.durable,
        queue_arguments=dict(queue.arguments) or None,
    )
