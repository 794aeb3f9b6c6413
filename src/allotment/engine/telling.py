"""Who waits for a message that will not be run is told: as for a failed task, by a stored failure and an event."""

from collections.abc import Mapping
from typing import Any

from celery.app.task import Context
from celery.utils.log import get_logger

from allotment.engine.stored_failures import Failure, stored_failures

logger = get_logger(__name__)


def tell(consumer: Any, message: Any, error: Exception) -> None:
    """Have the error stored as the result of the message's task, and of all that was to follow from it.

    `consumer` is Celery's. Nobody is told where the message has no id. What goes wrong in telling is logged and stops
    nothing: the message is kept, and its worker has others to run.
    """
    try:
        request = _request_of(message)
        if request is None:
            return
        stored_failures.put(Failure(consumer.app, request, error))
        if consumer.event_dispatcher:
            consumer.event_dispatcher.send("task-failed", uuid=request.id, exception=repr(error))
    except Exception:  # what is told of comes from the message, and anything may be in it
        logger.exception("nobody could be told that a task will not be run")


def identity_of(message: Any) -> str | None:
    """Give the id of the task that a message is for; None: it has none that anybody could wait for."""
    identity = _said(message)[0].get("id")
    return identity if isinstance(identity, str) and identity else None


def _request_of(message: Any) -> Any:
    """Give what Celery's backends need to know of a task: who waits for it, its chord, its chain and its errbacks."""
    identity = identity_of(message)
    if identity is None:
        return None
    fields, embedded = _said(message)
    properties = message.properties
    return Context(
        id=identity,
        task=_text(fields.get("task")),
        name=_text(fields.get("task")),
        root_id=_text(fields.get("root_id")),
        parent_id=_text(fields.get("parent_id")),
        group=_text(fields.get("group")),
        group_index=fields.get("group_index"),
        correlation_id=properties.get("correlation_id"),
        reply_to=properties.get("reply_to"),
        delivery_info={},
        args=(),
        kwargs={},
        chord=embedded.get("chord") or None,
        chain=embedded.get("chain") or None,
        errbacks=embedded.get("errbacks") or None,
    )


def _said(message: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Give the fields of a task's message, and what is embedded in it; nothing where its body is not to be read.

    A body that was not accepted was never decoded, and asking for it raises again.
    """
    headers: Mapping[str, Any] = message.headers or {}
    try:
        payload = None if message.errors else message.payload
    except Exception:  # noqa: BLE001 - every decoder has errors of its own
        payload = None
    if isinstance(payload, Mapping):  # protocol 1, or the mixed one: all is in the body
        return {**payload, **headers}, payload
    if isinstance(payload, (list, tuple)) and len(payload) == 3 and isinstance(payload[2], Mapping):  # noqa: PLR2004
        return headers, payload[2]
    return headers, {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
