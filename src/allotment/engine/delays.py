"""Calls that are to run later, where the fleet has quorum queues: they wait at RabbitMQ, and not in a worker.

A worker holds what it takes until its time has come, and Celery makes room for one message more each time. Quorum
queues know no limit that moves (RabbitMQ's docs, "Quorum Queues", global QoS; `celery/worker/consumer/tasks.py`,
`qos_global`): a few delayed tasks, retries among them, would keep a worker from all others until they are due, and each
restart of a worker would count as a delivery of all that it holds.

Celery's way out is used: exchanges and queues in which a message waits the bits of its delay one after another
(`kombu/transport/native_delayed_delivery.py`). Celery itself uses it for topic exchanges alone, and leads back to them
by a pattern that other keys may match too. Here the last step leads to the lane by its whole name.
"""

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from amqp.exceptions import PreconditionFailed
from kombu import Exchange
from kombu.transport.native_delayed_delivery import (
    CELERY_DELAYED_DELIVERY_EXCHANGE,
    MAX_LEVEL,
    MAX_NUMBER_OF_BITS_TO_USE,
    calculate_routing_key,
    declare_native_delayed_delivery_exchanges_and_queues,
    level_name,
)

_PREFIX = re.compile(rf"(?:[01]\.){{{MAX_NUMBER_OF_BITS_TO_USE}}}")
_LONGEST = 2**MAX_NUMBER_OF_BITS_TO_USE
_WARNING = "Direct exchanges are not supported with native delayed delivery"


def lane_key(key: str) -> str:
    """Give the routing key that a message was meant for, without the delay that it waited."""
    return _PREFIX.sub("", key, count=1)


def is_waiting_place(queue: object) -> bool:
    """Say whether a queue is one in which delayed calls wait, by its name."""
    return isinstance(queue, str) and re.fullmatch(r"celery_delayed_\d+", queue) is not None


def is_rabbitmq(connection: Any) -> bool:
    """Say whether a connection of kombu's speaks AMQP."""
    return bool(connection.transport.driver_type == "amqp")


def detour(queue: Any, headers: Mapping[str, Any], queue_type: str) -> dict[str, Any]:
    """Give the options by which a message waits at the broker until it is due; none where it is due within a second.

    `queue` is its lane, `queue_type` what the waiting queues are to be: quorum or classic.
    """
    seconds = _seconds_until(headers.get("eta"))
    if not 1 <= seconds < _LONGEST:
        return {}
    key = calculate_routing_key(seconds, queue.name)
    return {"exchange": level_name(MAX_LEVEL), "routing_key": key, "declare": [queue, _WaitingPlaces(queue_type)]}


def _seconds_until(eta: Any) -> int:
    """Give the whole seconds until an ETA; 0 where it is no date with a zone, as Celery writes it."""
    try:
        return int((datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds()) if eta else 0
    except (ValueError, TypeError):
        return 0


class _WaitingPlaces(Exchange):
    """The exchange that delayed calls are published to; to declare it is to declare all that lies behind it.

    Kombu declares an entity once in each connection (`kombu/common.py`, `maybe_declare`).
    """

    def __init__(self, queue_type: str = "quorum", **options: Any) -> None:
        super().__init__(level_name(MAX_LEVEL), type="topic", **options)
        self.queue_type = queue_type

    def bind(self, channel: Any) -> "_WaitingPlaces":
        """Give a copy bound to a channel."""
        bound = _WaitingPlaces(self.queue_type)
        bound.maybe_bind(channel)
        return bound

    def declare(self, nowait: bool = False, passive: bool | None = None, channel: Any = None) -> None:  # noqa: ARG002, FBT001, FBT002 - kombu's signature
        """Declare the exchanges and queues. Those that another app made of another type do as well."""
        with suppress(PreconditionFailed):
            declare_native_delayed_delivery_exchanges_and_queues(_Opened(channel or self.channel), self.queue_type)


@dataclass(frozen=True, slots=True)
class _Opened:
    """Stands for a connection that is asked for a channel, with one that is open."""

    opened: Any

    def channel(self) -> Any:
        """Give it."""
        return self.opened


def lead_here(queue: Any, channel: Any) -> None:
    """Lead what has waited for its time to a lane that was declared; nothing is done where the broker is not RabbitMQ.

    A message carries one word for each bit of its delay and then the lane's name: no other lane's binding matches that.
    """
    if not is_rabbitmq(channel.connection.client):
        return
    bound = queue(channel)
    Exchange(CELERY_DELAYED_DELIVERY_EXCHANGE, type="topic")(channel).declare()
    bound.bind_to(CELERY_DELAYED_DELIVERY_EXCHANGE, routing_key="*." * MAX_NUMBER_OF_BITS_TO_USE + queue.name)


class _Untrue(logging.Filter):
    """Leaves out the warning that a delayed call may block its worker (`celery/app/base.py`, `send_task`)."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_WARNING)


_untrue = _Untrue()


def keep_quiet_of_delays() -> None:
    """Leave out what Celery warns of at each delayed call."""
    logging.getLogger("celery.app.base").addFilter(_untrue)
