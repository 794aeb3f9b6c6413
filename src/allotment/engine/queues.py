"""The plan's broker queues as kombu's."""

from kombu import Exchange, Queue

from allotment.plan.broker_queues import broker_queues
from allotment.plan.plan import Plan


def kombu_queues(plan: Plan) -> dict[str, Queue]:
    """Give every broker queue of the plan by its name: durable, on a durable direct exchange."""
    return {
        queue.name: Queue(
            queue.name,
            Exchange(queue.exchange, type="direct", durable=True),
            routing_key=queue.routing_key,
            durable=True,
            queue_arguments=dict(queue.arguments) or None,
        )
        for queue in broker_queues(plan)
    }
