"""The guard: what a worker does with a message it cannot run.

Celery's own consumer discards it (`celery/worker/consumer/consumer.py`, `on_unknown_task`). Here it is forwarded to a
lane whose workers can run it, else set aside with the reason. Either is done, and known to the broker, before the
original is acknowledged.
"""

from typing import Any

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer

from allotment.engine.quarantine import Reason, set_aside
from allotment.engine.republish import republish
from allotment.engine.router import queue_of
from allotment.engine.signatures import task_that_decides
from allotment.errors import PublishRefused

MOST_FORWARDS = 5
FORWARDS_HEADER = "allotment_forwards"

logger = get_logger(__name__)


class GuardedConsumer(Consumer):
    """Celery's consumer, with the guard. Named by the setting `worker_consumer`."""

    def on_unknown_task(self, body: Any, message: Any, exc: BaseException) -> None:
        """Forward or set aside a task this worker has not registered."""
        name = _task_name(message)
        forwards = int((message.headers or {}).get(FORWARDS_HEADER, 0))
        if forwards >= MOST_FORWARDS:
            detail = f"{name!r} was forwarded {forwards} times and still met a worker without it"
            self._keep(body, message, exc, Reason.FORWARDED_TOO_OFTEN, detail)
            return
        installation = self.app.allotment
        try:
            compiled = installation.compiled_for(name)
            plan = compiled.plan
            arrived_at = (message.delivery_info or {}).get("routing_key") or ""
            lane = plan.lane(name, _still_good(plan, name, arrived_at))
        except PublishRefused as error:
            self._keep(body, message, exc, Reason.UNKNOWN_TASK, str(error))
            return
        republish(self.app, message, compiled.queues[lane.name], {FORWARDS_HEADER: forwards + 1})
        message.ack_log_error(logger, self.connection_errors)
        logger.info("forwarded %s to the queue %s, whose workers can run it", name, lane.name)

    def _keep(self, body: Any, message: Any, exc: BaseException, reason: Reason, detail: str) -> None:
        """Set the message aside, then let Celery tell the caller: a stored failure, an event and a signal."""
        set_aside(self.app, message, reason, detail, self.hostname)
        logger.error("set aside in allotment.dead: %s", detail)
        super().on_unknown_task(body, message, exc)


def _task_name(message: Any) -> str:
    """Give the name of the task whose worker is wanted; a message of protocol 1 has it in its body."""
    headers = message.headers or {}
    if "task" in headers:
        return str(headers["task"])
    return str(
        task_that_decides(message.payload["task"], message.payload.get("args"), message.payload.get("kwargs"))[0]
    )


def _still_good(plan: Any, name: str, arrived_at: str) -> str | None:
    """Give the queue the message was sent to if another worker there can run it; None: try the task's own queue."""
    try:
        queue = queue_of(plan, arrived_at, name)
        plan.lane(name, queue)
    except PublishRefused:
        return None
    return str(queue)
