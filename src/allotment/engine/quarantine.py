"""Messages set aside: kept in a queue of their own with the reason, instead of being dropped."""

import time
from contextlib import suppress
from enum import StrEnum
from typing import Any

from amqp.exceptions import PreconditionFailed
from celery import Celery
from celery.utils.log import get_logger
from kombu import Queue

from allotment.engine.delays import lane_key
from allotment.engine.queues import kombu_queue
from allotment.engine.republish import declare, passing, publish_copy
from allotment.engine.telling import tell
from allotment.model.names import DEAD_QUEUE
from allotment.model.queue import DeadLetters
from allotment.plan import broker_queues

HEADER = "allotment_dead"

MOST_TOLD = 2000
"""Characters of a reason."""

logger = get_logger(__name__)


class Reason(StrEnum):
    """Why a message was set aside."""

    UNKNOWN_TASK = "unknown-task"
    """No worker of the fleet has the task."""
    FORWARDED_TOO_OFTEN = "forwarded-too-often"
    """Workers passed it on to each other: their plans disagree."""
    CONTRACT_DIFFERS = "contract-differs"
    """It was made from a version of its contract that does not go together with the worker's."""
    UNDECODABLE = "undecodable"
    """It cannot be decoded, or what it holds is not what a task's message holds."""
    CONTENT_REFUSED = "content-refused"
    """The worker does not accept its content type, and did not decode it."""
    UNREADABLE_ETA = "unreadable-eta"
    """Its ETA or its expiry is no date."""
    UNKNOWN_PROTOCOL = "unknown-protocol"
    """Neither its headers nor its body name a task."""
    DELIVERED_TOO_OFTEN = "delivered-too-often"
    """It was delivered as often as its queue allows, and never came to an end."""


def dead_queue(said: DeadLetters | None = None) -> Queue:
    """Give the queue as the plan has it; `said` is what the fleet file says of it."""
    return kombu_queue(broker_queues.dead_queue(said or DeadLetters()))


def shortened(text: str) -> str:
    """Give a reason as a log and a header can hold it: on one line, and not longer than people read."""
    plain = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text[:MOST_TOLD])
    return plain + " …" if len(text) > MOST_TOLD else plain


def set_aside(app: Celery, message: Any, reason: Reason, detail: str, worker: str) -> None:
    """Put a copy of a message into `allotment.dead` with the reason, and return once the broker has it.

    Without its time to live, or it would be gone from there too. The caller acknowledges the original afterwards, so
    that a crash between the two repeats the message and never loses it.
    """
    exchange, key = came_by(message)
    why = {
        "reason": str(reason),
        "detail": shortened(detail),
        "worker": worker,
        "time": time.time(),
        "exchange": exchange,
        "queue": key,
    }
    with passing(app, message) as producer:
        _declare(_said(app), producer)
        publish_copy(producer, message, DEAD_QUEUE, {**message.headers, HEADER: why})


def _said(app: Celery) -> DeadLetters:
    """Give what the fleet file says of dead letters; an app with contracts alone has none."""
    installation = getattr(app, "allotment", None)
    return installation.file.model.dead_letters if installation else DeadLetters()


def _declare(said: DeadLetters, producer: Any) -> None:
    """Make the queue if it is not there; one that is there with other arguments keeps messages as well."""
    with suppress(PreconditionFailed):
        declare(producer, dead_queue(said))


def came_by(message: Any) -> tuple[str, str]:
    """Give the exchange and the routing key with which a message arrived; on Redis it may say anything of itself."""
    delivery = message.delivery_info
    if not isinstance(delivery, dict):
        return "", ""
    exchange, key = delivery.get("exchange"), delivery.get("routing_key")
    return exchange if isinstance(exchange, str) else "", lane_key(key) if isinstance(key, str) else ""


def keep_aside(consumer: Any, message: Any, reason: Reason, detail: str, error: Exception) -> None:
    """Set a message aside, acknowledge it, and have who waits for it told.

    `consumer` is Celery's, `error` what the caller is told, beside the worker's own work: that the message is kept does
    not depend on it. Raises what `set_aside` raises, and then nothing is acknowledged.
    """
    set_aside(consumer.app, message, reason, detail, consumer.hostname)
    logger.error("set aside in %s: %s", DEAD_QUEUE, shortened(detail))
    message.ack_log_error(logger, consumer.connection_errors)
    tell(consumer, message, error)
