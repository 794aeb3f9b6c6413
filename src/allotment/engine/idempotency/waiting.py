"""A message that cannot be run yet, put off: sent once more for later, so that it holds no place in the pool."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from celery.exceptions import Ignore, Reject
from celery.utils.log import get_logger

from allotment.engine.deliveries import SAME_MESSAGE, carried_over
from allotment.errors import AllotmentError, IdempotencyUnknown

HEADER = "allotment_put_off"
"""A header of a message that was put off: how many times."""

FIRST, LONGEST = 0.5, 30.0
"""Seconds for which a message is put off: the first time, twice as long each time after, and at most."""

_SHOWN = ("argsrepr", "kwargsrepr")
"""Headers with what is shown of the arguments, which a caller may have set to hide a secret."""

logger = get_logger(__name__)


class NotTaken(Reject):
    """A message that the broker did not take for later; its worker holds it (`allotment.engine.idempotency.holding`).

    Who knows no more of it than that it is Celery's Reject gives the message back to its queue.
    """

    def __init__(self, reason: str, requeue: bool = True) -> None:  # noqa: FBT001, FBT002 - as it is pickled
        super().__init__(reason, requeue)


def put_off(task: Any, why: str) -> NoReturn:
    """Send the message that a task was called by once more, for later, and end the call without a result.

    The new message has the same id, arguments and place in its canvas, and no retry is counted. Raises Ignore when the
    broker has it. Where it has not, NotTaken if the message is not acknowledged yet; else the task fails with
    IdempotencyUnknown.
    """
    request = task.request
    count = _number(request.headers, HEADER)
    seconds = pause(count)
    try:
        _send_again(task, seconds, count + 1)
    except Exception as error:
        if task.acks_late:
            logger.warning("%s[%s]: %s, and it could not be put off: %s", task.name, request.id, why, _told(error))
            raise NotTaken("it could not be put off, and its worker holds it") from None  # Celery logs the traceback
        raise IdempotencyUnknown(
            f"{task.name!r} was not run: {why}, and the broker did not take it for later: {_told(error)}",
            hint="send it again; with delivery: at-least-once its worker would have held it",
        ) from error
    logger.info("%s[%s]: put off for %gs: %s", task.name, request.id, seconds, why)
    raise Ignore(f"put off for {seconds:g}s: {why}")


def pause(count: int) -> float:
    """Give the seconds for which a message is put off that was put off so many times before."""
    return float(min(LONGEST, FIRST * 2 ** min(count, 16)))


def _send_again(task: Any, seconds: float, count: int) -> None:
    request = task.request
    again = task.signature_from_request(request, countdown=seconds)
    shown = {name: text for name in _SHOWN if (text := request.get(name)) is not None}
    headers = {**carried_over(again.options["headers"]), **shown, HEADER: count}
    options = {"serializer": task.serializer, **again.options, "headers": headers, SAME_MESSAGE: True}
    with _from_nobody(request):
        # not the task's own `apply_async`: what it adds to a new call was added when this one was sent
        task.app.send_task(task.name, again.args, again.kwargs, task_type=task, **options)


def _number(headers: Mapping[str, Any] | None, name: str) -> int:
    value = (headers or {}).get(name)
    return value if isinstance(value, int) and value > 0 else 0


@contextmanager
def _from_nobody(request: Any) -> Iterator[None]:
    """Keep Celery from taking the message for a child of the task that sends it (`celery/app/base.py`, `send_task`)."""
    request.called_directly = True
    try:
        yield
    finally:
        request.called_directly = False


def _told(error: Exception) -> str:
    return error.message if isinstance(error, AllotmentError) else repr(error)
