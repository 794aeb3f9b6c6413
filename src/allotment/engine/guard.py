"""The guard: what a worker does with a message it cannot run.

Celery's own consumer discards it (`celery/worker/consumer/consumer.py`, `on_unknown_task`). Here it is forwarded to a
lane whose workers can run it, else set aside with the reason. Either is done, and known to the broker, before the
original is acknowledged; where the broker refuses, the original goes back to its queue.
"""

from collections.abc import Callable
from typing import Any

from celery import signals
from celery.exceptions import NotRegistered
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer

from allotment.engine.quarantine import NOT_TAKEN, Reason, back_to_its_queue, keep_aside
from allotment.engine.republish import republish
from allotment.engine.router import requested_queue
from allotment.engine.signatures import MAPS, task_that_decides
from allotment.errors import PublishRefused
from allotment.plan.plan import Plan

MOST_FORWARDS = 5
FORWARDS_HEADER = "allotment_forwards"
logger = get_logger(__name__)

Strategy = Callable[..., Any]


class GuardedConsumer(Consumer):
    """Celery's consumer, with the guard. Named by the setting `worker_consumer`."""

    def update_strategies(self) -> None:
        """Look inside `celery.map` and its like: every worker has them, but not the task that they call."""
        super().update_strategies()
        for name in MAPS & self.strategies.keys():
            self.strategies[name] = self._looking_inside(self.strategies[name])

    def _looking_inside(self, strategy: Strategy) -> Strategy:
        def handle(message: Any, body: Any, *rest: Any, **options: Any) -> Any:
            inner = _task_name(message)
            if inner in self.app.tasks:
                return strategy(message, body, *rest, **options)
            return self.on_unknown_task(body, message, KeyError(inner))

        return handle

    def on_unknown_task(self, body: Any, message: Any, exc: BaseException) -> None:  # noqa: ARG002 - Celery's
        """Forward or set aside a task this worker has not registered."""
        try:
            self._pass_on(message, exc)
        except NOT_TAKEN as error:
            back_to_its_queue(self, message, error)

    def _pass_on(self, message: Any, exc: BaseException) -> None:
        name = _task_name(message)
        forwards = _forwards(message)
        if forwards >= MOST_FORWARDS:
            detail = f"{name!r} was forwarded {forwards} times and still met a worker without it"
            self._keep(message, exc, Reason.FORWARDED_TOO_OFTEN, detail)
            return
        try:
            compiled = self.app.allotment.compiled_for(name)
            queue = _still_good(compiled.plan, name, message.delivery_info or {})
            lane = compiled.plan.lane(name, queue, zone=_zone_of(compiled.plan, message))
        except PublishRefused as error:
            self._keep(message, exc, Reason.UNKNOWN_TASK, str(error))
            return
        republish(self.app, message, compiled.queues[lane.name], {FORWARDS_HEADER: forwards + 1})
        message.ack_log_error(logger, self.connection_errors)
        logger.info("forwarded %s to the queue %s, whose workers can run it", name, lane.name)

    def _keep(self, message: Any, exc: BaseException, reason: Reason, detail: str) -> None:
        """Set the message aside and tell the caller as Celery does: a stored failure, an event and a signal."""
        name = _task_name(message)
        keep_aside(self, message, reason, detail, NotRegistered(name))
        identity = (message.headers or message.payload).get("id")
        if identity is not None:
            signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=identity)


def _forwards(message: Any) -> int:
    """Give how often a message was forwarded; what others wrote into the header counts for nothing."""
    count = (message.headers or {}).get(FORWARDS_HEADER)
    return count if isinstance(count, int) else 0


def _task_name(message: Any) -> str:
    """Give the name of the task whose worker is wanted: of the one inside, where a message maps another task."""
    headers = message.headers or {}
    if "task" not in headers:  # protocol 1 has it in its body
        payload = message.payload
        return task_that_decides(payload["task"], payload.get("args"), payload.get("kwargs"))[0]
    name = str(headers["task"])
    if name not in MAPS:
        return name
    try:
        args, kwargs, _ = message.payload
    except (TypeError, ValueError):  # not the body of a task
        return name
    return task_that_decides(name, args, kwargs)[0]


def _zone_of(plan: Plan, message: Any) -> str | None:
    """Give the zone that the message stays in: that of its lane, not of this worker, which may have none for it."""
    lane = plan.lanes.get((message.delivery_info or {}).get("routing_key") or "")
    return lane.zone if lane else None


def _still_good(plan: Plan, name: str, delivery: dict[str, Any]) -> str | None:
    """Give the queue the message was sent to if another worker there can run it; None: try the task's own queue."""
    try:
        queue = requested_queue(plan, {key: delivery.get(key) for key in ("exchange", "routing_key")}, name)
        plan.lane(name, queue)
    except PublishRefused:
        return None
    return queue
