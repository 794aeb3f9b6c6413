"""The parts that a worker's consumer is made of."""

from typing import ClassVar

from celery.worker.consumer import Consumer


class FleetBlueprint(Consumer.Blueprint):
    """Celery's, without the part for delayed calls, whose work `allotment.engine.delays` does.

    It would declare its queues in each worker, and warn of each direct exchange.
    """

    default_steps: ClassVar = [
        step
        for step in Consumer.Blueprint.default_steps
        if step != "celery.worker.consumer.delayed_delivery:DelayedDelivery"
    ]
