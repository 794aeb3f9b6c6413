"""A message for a task that this worker has not: to a lane whose workers can run it."""

from typing import Any

from celery.utils.log import get_logger

from allotment.engine.guard.arrival import FORWARDS_HEADER
from allotment.engine.quarantine import came_by
from allotment.engine.republish import republish
from allotment.engine.router import requested_queue
from allotment.engine.signatures import MAPS, task_that_decides
from allotment.errors import PublishRefused
from allotment.plan.plan import Plan

MOST_FORWARDS = 5

logger = get_logger(__name__)


def forward(consumer: Any, message: Any, name: str) -> None:
    """Publish a message to the lane of its task, and acknowledge it once the broker has it.

    Raises PublishRefused where no worker of the fleet can run the task, and what `republish` raises.
    """
    compiled = consumer.app.allotment.compiled_for(name)
    queue = _still_good(compiled.plan, name, message)
    lane = compiled.plan.lane(name, queue, zone=_zone_of(compiled.plan, message))
    republish(consumer.app, message, compiled.queues[lane.name], {FORWARDS_HEADER: forwards_of(message) + 1})
    message.ack_log_error(logger, consumer.connection_errors)
    logger.info("forwarded %s to the queue %s, whose workers can run it", name, lane.name)


def forwards_of(message: Any) -> int:
    """Give how often a message was forwarded; what others wrote into the header counts for nothing."""
    count = (message.headers or {}).get(FORWARDS_HEADER)
    return count if isinstance(count, int) else 0


def wanted_task(message: Any) -> str:
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
    lane = plan.lanes.get(came_by(message)[1])
    return lane.zone if lane else None


def _still_good(plan: Plan, name: str, message: Any) -> str | None:
    """Give the queue the message was sent to if another worker there can run it; None: try the task's own queue."""
    exchange, key = came_by(message)
    try:
        queue = requested_queue(plan, {"exchange": exchange, "routing_key": key}, name)
        plan.lane(name, queue)
    except PublishRefused:
        return None
    return queue
