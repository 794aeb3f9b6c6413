"""Where a message came from, and how often it came."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from celery.utils.time import maybe_iso8601, maybe_make_aware
from celery.utils.time import timezone as zones
from kombu.asynchronous.timer import to_timestamp

from allotment.engine.delays import is_rabbitmq
from allotment.engine.deliveries import BROKERS_COUNT, OWN_COUNT, deliveries
from allotment.engine.quarantine import came_by
from allotment.engine.router import requested_queue
from allotment.errors import PublishRefused
from allotment.plan.plan import Plan

FORWARDS_HEADER = "allotment_forwards"
"""How often a message was forwarded."""

NO_DATE = (ValueError, TypeError, AttributeError, ArithmeticError, OSError)
"""What reading a date raises where it is none, or one that the system's clock does not reach."""

OF_ITS_WAY = (BROKERS_COUNT, OWN_COUNT, FORWARDS_HEADER)
"""Headers that tell of a message's way so far. A retry, to which Celery gives the headers of its task, begins anew."""


def earlier_deliveries(message: Any) -> int:
    """Give how often a message was delivered before."""
    counted = deliveries(message.headers)
    return counted + 1 if is_uncounted(message) else counted


def is_uncounted(message: Any) -> bool:
    """Say whether RabbitMQ delivers a message again and has not counted that: it does so for quorum queues alone.

    Our transport for Redis counts what it delivers again, and plain kombu's marks it in the same way as RabbitMQ.
    """
    if not message.delivery_info.get("redelivered") or isinstance(message.headers.get(BROKERS_COUNT), int):
        return False
    return is_rabbitmq(message.channel.connection.client)


def lane_of(plan: Plan, message: Any) -> str | None:
    """Give the broker queue that a message was in, by what it was published with; None where nothing is bound so."""
    exchange, key = came_by(message)
    if key in plan.lanes:
        return key
    try:
        return requested_queue(plan, {"exchange": exchange, "routing_key": key}, "a message")
    except PublishRefused:
        return None


def read_date(value: Any, timezone: Any) -> datetime:
    """Read a date as Celery's worker does (`celery/worker/request.py`, and `strategy.py` for the clock).

    `timezone` is that of the app. Raises NO_DATE where the worker could not go by it.
    """
    read = maybe_iso8601(value)
    if read is None:
        raise ValueError("it is empty")
    aware: datetime = maybe_make_aware(read, timezone)
    to_timestamp(zones.to_system(aware))
    to_timestamp(aware, zones.tz_or_local(timezone))
    return aware


def waits_for_its_time(fields: Mapping[Any, Any], timezone: Any) -> bool:
    """Say whether a message has a time that is still to come: so far it was held, and not run.

    A time that cannot be read is told of by whoever has the task.
    """
    eta = fields.get("eta")
    try:
        return eta is not None and read_date(eta, timezone) > datetime.now(UTC)
    except NO_DATE:
        return False
