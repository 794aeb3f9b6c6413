"""Celery's AMQP layer, following a plan. Named by the app's `amqp_cls`, the hook Celery has for it."""

import time
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.utils.objects import cached_property

from allotment.engine.router import LaneRouter

HEADER = "allotment"
"""A header of each message: the queue it was sent to by the file's name, and when, in seconds of the epoch."""


class FleetAMQP(AMQP):
    """Routes by the plan, knows its queues and no others, and starts an embedded broker before the first connection."""

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

    def Connection(self, *arguments: Any, **options: Any) -> Connection:  # noqa: N802 - Celery's name
        """Make a connection, as Celery's class attribute of this name does."""
        self.installation.before_connecting()
        return Connection(*arguments, **options)

    BrokerConnection = Connection

    def as_task_v2(self, task_id: str, name: str, *arguments: Any, **options: Any) -> Any:
        """Make the message, once every task that is to follow from it is known to have a worker."""
        message = super().as_task_v2(task_id, name, *arguments, **options)
        embedded = message.body[2]
        for key in ("callbacks", "errbacks", "chain", "chord"):
            if embedded[key]:
                self.router.check(embedded[key])
        queue = options.get("queue")
        lane = self.installation.plan.lanes.get(queue.name) if queue is not None else None
        message.headers[HEADER] = {"queue": lane.queue if lane else getattr(queue, "name", None), "sent": time.time()}
        return message
