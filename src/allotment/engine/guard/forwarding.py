"""A message for a task that this worker has not: to a lane whose workers can run it."""

from collections.abc import Mapping
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.utils.log import get_logger

from allotment.engine.candidates import first_lane, own_queue, queue_it_came_from
from allotment.engine.deliveries import count
from allotment.engine.guard.arrival import FORWARDS_HEADER
from allotment.engine.quarantine import came_by
from allotment.engine.republish import republish
from allotment.engine.signatures import MAPS, task_that_decides

MOST_FORWARDS = 5

logger = get_logger(__name__)


def forward(consumer: Any, message: Any, name: str) -> None:
    """Publish a message to the lane of its task, and acknowledge it once the broker has it.

    The queue that it was sent to comes first, if another worker there can run it. Raises PublishRefused where no worker
    of the fleet can run the task, and what `republish` raises.
    """
    compiled = consumer.app.allotment.compiled_for(name)
    plan = compiled.plan
    exchange, key = came_by(message)
    candidates = (*queue_it_came_from(plan, name, exchange, key), own_queue(plan, _kwargs_of(message)))
    lane = first_lane(plan, name, candidates, key)
    republish(consumer.app, message, compiled.queues[lane.name], {FORWARDS_HEADER: forwards_of(message) + 1})
    message.ack_log_error(logger, consumer.connection_errors)
    logger.info("forwarded %s to the queue %s, whose workers can run it", name, lane.name)


def forwards_of(message: Any) -> int:
    """Give how often a message was forwarded; what others wrote into the header counts for nothing."""
    return count((message.headers or {}).get(FORWARDS_HEADER))


def wanted_task(message: Any) -> str:
    """Give the name of the task whose worker is wanted: of the one inside, where a message maps another task.

    Raises InvalidTaskError where that is no name.
    """
    headers = message.headers or {}
    if "task" not in headers:  # protocol 1 has it in its body
        payload = message.payload
        name: Any = task_that_decides(payload["task"], payload.get("args"), payload.get("kwargs"))[0]
    else:
        name = headers["task"]
        if name in MAPS:
            name = _inner_task(message, name)
    if not isinstance(name, str):
        raise InvalidTaskError(f"it calls {name!r}, which is no name of a task")
    return name


def _inner_task(message: Any, name: str) -> Any:
    try:
        args, kwargs, _ = message.payload
    except (TypeError, ValueError):  # not the body of a task
        return name
    return task_that_decides(name, args, kwargs)[0]


def _kwargs_of(message: Any) -> Mapping[str, Any]:
    """Give the keyword arguments of a message; none where this worker cannot read them, as it need not."""
    try:
        payload = message.payload
        kwargs = payload["kwargs"] if isinstance(payload, Mapping) else payload[1]
    except Exception:  # noqa: BLE001 - every decoder has errors of its own
        return {}
    return kwargs if isinstance(kwargs, Mapping) else {}
