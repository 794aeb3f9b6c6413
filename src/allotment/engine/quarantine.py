"""Messages set aside: kept in a queue of their own with the reason, instead of being dropped."""

import time
from enum import StrEnum
from typing import Any

from amqp.exceptions import FrameError, MessageNacked, PreconditionFailed
from celery import Celery
from celery.utils.log import get_logger
from celery.utils.objects import Bunch
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from allotment.engine.republish import republish
from allotment.errors import QueueDiffers
from allotment.model.names import DEAD_QUEUE

HEADER = "allotment_dead"

PAUSE = 1.0
"""Seconds before a message that could not be passed on goes back to its queue."""

NOT_TAKEN = (OperationalError, MessageNacked, PreconditionFailed, FrameError, QueueDiffers)
"""What is raised where the broker does not take a message that is passed on."""

logger = get_logger(__name__)


class Reason(StrEnum):
    """Why a message was set aside."""

    UNKNOWN_TASK = "unknown-task"
    """No worker of the fleet has the task."""
    FORWARDED_TOO_OFTEN = "forwarded-too-often"
    """Workers passed it on to each other: their plans disagree."""
    CONTRACT_DIFFERS = "contract-differs"
    """It was made from a version of its contract that does not go together with the worker's."""


def dead_queue() -> Queue:
    """Give the queue: durable, with no limit, on the default exchange."""
    return Queue(DEAD_QUEUE, Exchange(""), routing_key=DEAD_QUEUE, durable=True)


def set_aside(app: Celery, message: Any, reason: Reason, detail: str, worker: str) -> None:
    """Put a message into `allotment.dead` with its original bytes and headers, and return once the broker has it.

    The caller acknowledges the original afterwards, so that a crash between the two repeats the message and never loses
    it.
    """
    delivery = message.delivery_info or {}
    why = {
        "reason": str(reason),
        "detail": detail,
        "worker": worker,
        "time": time.time(),
        "exchange": delivery.get("exchange") or "",
        "queue": delivery.get("routing_key") or "",
    }
    republish(app, message, dead_queue(), {HEADER: why})


def keep_aside(consumer: Any, message: Any, reason: Reason, detail: str, error: Exception) -> None:
    """Set a message aside, acknowledge it and tell its caller: a stored failure and an event, as for a failed task.

    `consumer` is Celery's, `error` what the caller is told. Raises what `set_aside` raises, and then nothing is
    acknowledged.
    """
    set_aside(consumer.app, message, reason, detail, consumer.hostname)
    message.ack_log_error(logger, consumer.connection_errors)
    logger.error("set aside in %s: %s", DEAD_QUEUE, detail)
    properties = message.properties
    headers = message.headers or message.payload
    identity = headers.get("id")
    if identity is None:  # a foreign message that nobody waits for
        return
    request = Bunch(
        name=headers.get("task"),
        chord=None,
        root_id=headers.get("root_id"),
        correlation_id=properties.get("correlation_id"),
        reply_to=properties.get("reply_to"),
        errbacks=None,
    )
    consumer.app.backend.mark_as_failure(identity, error, request=request)
    if consumer.event_dispatcher:
        consumer.event_dispatcher.send("task-failed", uuid=identity, exception=repr(error))


def back_to_its_queue(consumer: Any, message: Any, error: Exception) -> None:
    """Give a message back after a pause: the broker did not take it where it was to go."""
    logger.warning("a message could not be passed on (%r) and goes back to its queue", error)
    consumer.timer.call_after(PAUSE, message.reject_log_error, (logger, consumer.connection_errors, True))
