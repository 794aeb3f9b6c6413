"""Messages set aside: kept in a queue of their own with the reason, instead of being dropped."""

import time
from enum import StrEnum
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from allotment.engine.republish import republish
from allotment.model.names import DEAD_QUEUE

HEADER = "allotment_dead"


class Reason(StrEnum):
    """Why a message was set aside."""

    UNKNOWN_TASK = "unknown-task"
    """No worker of the fleet has the task."""
    FORWARDED_TOO_OFTEN = "forwarded-too-often"
    """Workers passed it on to each other: their plans disagree."""


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
