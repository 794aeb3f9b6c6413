"""Celery's AMQP layer, following a plan. Named by the app's `amqp_cls`, the hook Celery has for it."""

import time
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.utils.objects import cached_property

from allotment.engine.delays import detour, is_rabbitmq
from allotment.engine.deliveries import SAME_MESSAGE
from allotment.engine.guard.arrival import OF_ITS_WAY
from allotment.engine.publishing.attempt import current
from allotment.engine.publishing.producers import ProducerPool
from allotment.engine.redis_transport.connection import FleetConnection
from allotment.engine.router import LaneRouter

HEADER = "allotment"
"""A header of each message: the queue it was sent to by the file's name, and when, in seconds of the epoch."""


class FleetAMQP(AMQP):
    """Routes by the plan, knows its queues and no others, and starts an embedded broker before the first connection."""

    _producer_pool: ProducerPool | None

    def __init__(self, app: Celery) -> None:
        super().__init__(app)
        self.installation = app.allotment

    @cached_property
    def router(self) -> LaneRouter:
        """The router that both plain sends and canvas go through."""
        return LaneRouter(self.installation)

    @cached_property
    def queues(self) -> Any:
        """The lanes by name; a name that is not among them is an error, not a new queue.

        They are as the plan has them: Celery's own way of making this (`AMQP.Queues`) would bind those on the default
        exchange to another one, and give all of them the priorities of `task_queue_max_priority`.
        """
        return self.queues_cls(dict(self.installation.compiled.queues), create_missing=False)

    @cached_property
    def default_queue(self) -> Any:
        """A queue that somebody consumes, for what is sent past the router."""
        plan, queues = self.installation.compiled.plan, self.installation.compiled.queues
        name = plan.model.default_queue or next(iter(plan.queues))
        return queues[name]

    def _create_task_sender(self) -> Any:
        """Make Celery's function that publishes a task's message, by way of the waiting places where it is delayed.

        A retry, which Celery gives the headers of its task, is not told how that came here; a message that is put off
        is the same one.
        """
        send = super()._create_task_sender()

        def send_task_message(producer: Any, name: str, message: Any, **options: Any) -> Any:
            headers, same = options.get("headers"), options.pop(SAME_MESSAGE, False)
            if headers and not same:
                options["headers"] = {key: value for key, value in headers.items() if key not in OF_ITS_WAY}
            queue, plan = options.get("queue"), self.installation.plan
            if plan.any_quorum and getattr(queue, "name", None) in plan.lanes and is_rabbitmq(producer.connection):
                options |= detour(queue, message.headers, self.app.conf.broker_native_delayed_delivery_queue_type)
            return send(producer, name, message, **options)

        return send_task_message

    def Connection(self, *arguments: Any, **options: Any) -> Connection:  # noqa: N802 - Celery's name
        """Make a connection, as Celery's class attribute of this name does."""
        self.installation.before_connecting()
        return FleetConnection(*arguments, **options)

    BrokerConnection = Connection

    @property
    def producer_pool(self) -> ProducerPool:
        """The app's producers, none of which is waited for longer than the message to be sent has."""
        if self._producer_pool is None:
            self._producer_pool = ProducerPool(self.app, self.installation.file.model.publish.timeout)
        return self._producer_pool

    publisher_pool = producer_pool

    def as_task_v2(self, task_id: str, name: str, *arguments: Any, **options: Any) -> Any:
        """Make the message, once every task that is to follow from it is known to have a worker."""
        message = super().as_task_v2(task_id, name, *arguments, **options)
        embedded = message.body[2]
        for key in ("callbacks", "errbacks", "chain", "chord"):
            if embedded[key]:
                self.router.check(embedded[key])
        queue = options.get("queue")
        lane = self.installation.plan.lanes.get(queue.name) if queue is not None else None
        name_in_file = lane.queue if lane else getattr(queue, "name", None)
        message.headers[HEADER] = {"queue": name_in_file, "sent": time.time()}
        attempt = current()
        if attempt is not None:
            attempt.queue = name_in_file
        return message
