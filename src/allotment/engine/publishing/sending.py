"""Every task that an app sends, within a deadline and with errors of ours."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from celery import Celery
from celery.utils.log import get_logger
from kombu.utils.uuid import uuid

from allotment.engine.publishing.attempt import Attempt, Deadline, under_way
from allotment.engine.publishing.bulk import Bulk, current_bulk
from allotment.engine.publishing.forking import connect_anew_after_fork
from allotment.engine.publishing.retrying import is_own_retry, tell_of_retry
from allotment.engine.publishing.translation import OF_PUBLISHING, comes_from_below, told
from allotment.model.names import DEAD_QUEUE
from allotment.plan.broker_queues import dead_queue

PASSING_ON = 10.0
"""Seconds within which a worker passes a message on; it takes no others meanwhile."""

logger = get_logger(__name__)

_POSITIONAL = tuple(inspect.signature(Celery.send_task).parameters)[2:]
"""The options of Celery's `send_task` after the app and the task's name, in their order."""


def send_within_deadlines(app: Celery) -> None:
    """Make an app that follows a fleet send each task within a deadline.

    All of Celery's ways of sending end in the app's `send_task`: `delay`, `apply_async`, canvas, retries and beat. It
    is wrapped on the instance.
    """
    send_task = functools.partial(_send_task, app)
    app.__dict__["send_task"] = functools.update_wrapper(send_task, type(app).send_task)
    connect_anew_after_fork(app)


def _send_task(app: Celery, name: str, *arguments: Any, **options: Any) -> Any:
    """Do as Celery's `send_task`. Raises PublishFailed and BrokerUnreachable besides.

    The option `timeout` is the deadline in seconds, everything included; `confirm_timeout` is how long to wait for the
    broker's word on one try, which has no effect on what is sent together.
    """
    options |= zip(_POSITIONAL, arguments, strict=False)
    task_id = options["task_id"] = options.get("task_id") or uuid()
    max_size = app.allotment.file.model.publish.max_size
    bulk = None if is_own_retry(app, task_id) else current_bulk(app)
    if bulk is not None and (options.get("producer") or options.get("connection")) is not None:
        bulk = None
    result = None
    try:
        with sending(app, name, task_id=task_id, timeout=options.get("timeout"), max_size=max_size, bulk=bulk):
            if bulk is not None:
                options["producer"] = bulk.connected()
            result = type(app).send_task(app, name, **options)
    except OF_PUBLISHING as error:
        tell_of_retry(app, task_id, error)
        raise
    return app.AsyncResult(task_id) if result is None else result


@contextmanager
def passing_on(app: Celery, message: Any, seconds: float = PASSING_ON) -> Iterator[Any]:
    """Give a producer by which a worker passes on a message that it received, of whatever size.

    `seconds` is how long that may take at most. Raises PublishFailed and BrokerUnreachable; of an app that follows no
    fleet, which has no deadlines, what kombu raises.
    """
    if not hasattr(app, "allotment"):
        with app.producer_or_acquire() as producer:
            yield producer
        return
    headers, seconds = message.headers or {}, min(app.allotment.file.model.publish.timeout, seconds)
    task, task_id = str(headers.get("task") or "a message"), headers.get("id")
    with (
        sending(app, task, task_id=None if task_id is None else str(task_id), timeout=seconds),
        app.producer_or_acquire() as producer,
    ):
        yield producer


@contextmanager
def sending(
    app: Celery,
    task: str,
    *,
    task_id: str | None = None,
    timeout: float | None = None,
    max_size: int | None = None,
    bulk: Bulk | None = None,
) -> Iterator[Attempt]:
    """Publish a message inside of this: it is taken by the deadline, or an error of ours is raised.

    `timeout` is in seconds, everything included; left out, the fleet's. `max_size` is in bytes; left out, any. `bulk`
    is what it is sent together with, which tells what became of it once it is written. What goes wrong after that or
    after the broker has taken the message, such as an event that tells of it, is logged. Raises PublishFailed and
    BrokerUnreachable.
    """
    seconds = app.allotment.file.model.publish.timeout if timeout is None else timeout
    arguments = functools.partial(arguments_at, app)
    attempt = Attempt(Deadline.after(seconds), task, task_id, max_size=max_size, arguments=arguments, bulk=bulk)
    with under_way(attempt):
        try:
            yield attempt
        except Exception as error:
            if not comes_from_below(error):
                raise
            if not attempt.confirmed and not attempt.left:
                raise told(app, attempt, error) from error
            logger.warning("%s was %s, and then: %r", attempt.named, "sent" if attempt.left else "taken", error)


def arguments_at(app: Celery, queue: str) -> Mapping[str, Any]:
    """Give what the plan declares a broker queue with."""
    if queue == DEAD_QUEUE:
        return dead_queue(app.allotment.file.model.dead_letters).arguments
    found = app.allotment.compiled.queues.get(queue)
    return {} if found is None else found.queue_arguments or {}
