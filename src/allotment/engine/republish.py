"""Publish a message that was received once more, with its body, headers and properties.

What differs: a body that was compressed is compressed anew, as kombu expands it when it arrives and keeps no other; the
headers by which RabbitMQ makes copies are left out; and what is added to large headers may cut them.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import isfinite
from typing import Any

from amqp.exceptions import ChannelError, FrameSyntaxError
from amqp.serialization import dumps
from celery import Celery
from kombu import Queue

from allotment.engine.delays import is_rabbitmq
from allotment.engine.deliveries import carried_over
from allotment.engine.publishing.sending import PASSING_ON, passing_on
from allotment.errors import QueueFull

_KEPT = ("correlation_id", "reply_to", "priority", "message_id", "timestamp", "type", "app_id")

_COPYING = frozenset({"CC", "BCC"})
"""Headers that name further queues for a message (RabbitMQ's docs, "Sender-selected Distribution"). Those have it."""

_BESIDE = 4096
"""Bytes of the frame of a message's headers that are left for its properties, which are short in AMQP."""

_MOST_OF_ONE = 1000
"""Characters of a header that is cut."""

_NOT_IN_A_TABLE = (FrameSyntaxError, struct.error, ValueError, TypeError, OverflowError)
"""What py-amqp raises for a header that AMQP has no type for (`amqp/serialization.py`)."""


_patience: ContextVar[float] = ContextVar("allotment_patience", default=PASSING_ON)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Have what is passed on inside of this wait for the broker for so many seconds at most."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


@contextmanager
def passing(app: Celery, message: Any) -> Iterator[Any]:
    """Give a producer to pass a message on with; the worker does nothing else meanwhile. Raises as `passing_on`."""
    with passing_on(app, message, _patience.get()) as producer:
        yield producer


def republish(app: Celery, message: Any, queue: Queue, added_headers: Mapping[str, Any]) -> None:
    """Publish to a queue through the default exchange, and return once the broker has it.

    The queue is declared each time, past kombu's memory of what it declared before: a message to a queue that was
    deleted since would be dropped, and confirmed. Raises QueueFull also where the queue would drop its oldest message,
    and what kombu raises otherwise, and then nothing may be acknowledged.
    """
    with passing(app, message) as producer:
        declare(producer, queue)
        _check_nothing_is_dropped(producer, queue)
        headers = {**carried_over(message.headers), **added_headers}
        publish_copy(producer, message, queue.name, headers, expiration=_seconds_to_live(message))


def _check_nothing_is_dropped(producer: Any, queue: Queue) -> None:
    """See that a queue which drops its oldest message when it is full is not. Raises QueueFull.

    Nobody is told of such a drop. What others send between this look and the publish may still lead to one.
    """
    arguments = queue.queue_arguments or {}
    limit = arguments.get("x-max-length")
    if limit is None or arguments.get("x-overflow", "drop-head") != "drop-head":
        return
    with suppress(ChannelError):  # Redis has no lists without messages
        if producer.channel.queue_declare(queue.name, passive=True).message_count >= limit:
            raise QueueFull(f"the queue {queue.name!r} is full, and would drop its oldest message", queue=queue.name)


def declare(producer: Any, queue: Queue) -> None:
    """Declare a queue; on a new connection where that of the producer is found to be dead."""
    producer.connection.ensure(producer, lambda: queue(producer.channel).declare(), max_retries=3, interval_start=0)()


def publish_copy(producer: Any, message: Any, name: str, headers: Mapping[str, Any], **properties: Any) -> None:
    """Publish a message's bytes and properties with these headers to a queue that is there.

    On RabbitMQ the broker confirms it; on Redis the push is the answer. A compressed body was expanded by kombu when it
    arrived (`kombu/message.py`) and is compressed again; one that could not be expanded is as it came.
    """
    given = message.properties
    properties |= {key: given[key] for key in _KEPT if given.get(key) is not None}
    if is_rabbitmq(producer.connection):
        headers = {key: value for key, value in headers.items() if key not in _COPYING}
    sent = dict(_sendable(headers, producer.channel))
    compression = None if message.errors else sent.pop("compression", None)
    _confirming(producer.channel)
    producer.publish(
        _bytes(message),
        exchange="",
        routing_key=name,
        content_type=message.content_type or "application/data",
        content_encoding=message.content_encoding or "binary",
        compression=compression,
        headers=sent,
        delivery_mode=2,
        retry=True,
        retry_policy={"max_retries": 3},
        **properties,
    )


def _confirming(channel: Any) -> None:
    """Have a channel wait for the broker's word on each message, as one of an app that confirms does by itself.

    What a connection with `confirm_publish` does to its channels (`amqp/channel.py`).
    """
    if hasattr(channel, "basic_publish_confirm"):
        channel.basic_publish = channel.basic_publish_confirm


def _bytes(message: Any) -> bytes:
    """Give the body as it came; py-amqp makes a text of it where it can (`amqp/abstract_channel.py`)."""
    body = message.body
    if not isinstance(body, str):
        return bytes(body or b"")
    try:
        return body.encode(message.content_encoding)
    except (LookupError, TypeError, ValueError):  # kombu's transport for Redis leaves a text that no encoding can hold
        return body.encode("utf-8", "surrogatepass")


def _seconds_to_live(message: Any) -> float | None:
    """Give a message's time to live, which AMQP says in milliseconds and kombu takes in seconds."""
    try:
        seconds = float(message.properties.get("expiration")) / 1000
    except (TypeError, ValueError, OverflowError):  # it has none, or on Redis something that is no number
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _sendable(headers: Mapping[str, Any], channel: Any) -> Mapping[str, Any]:
    """Give headers as the broker takes them: on AMQP in one frame, and of types that AMQP has.

    Those that were received fit, unless what is added to them is too much. Then the largest are cut.
    """
    frame = getattr(channel.connection, "frame_max", None)
    if not frame or _size(headers) <= frame - _BESIDE:
        return headers
    return dict(_cut(headers, frame - _BESIDE))


def _cut(headers: Mapping[str, Any], room: float) -> Iterator[tuple[str, Any]]:
    for key, value in sorted(headers.items(), key=lambda item: _size(dict([item]))):
        text = value if isinstance(value, str) else repr(value)
        kept = value if _size({key: value}) <= _MOST_OF_ONE * 4 else text[:_MOST_OF_ONE] + " …"
        room -= _size({key: kept})
        if room >= 0:
            yield key, kept


def _size(headers: Mapping[str, Any]) -> float:
    """Count the bytes of a table of AMQP; infinite where it cannot be one."""
    try:
        return len(dumps("F", [headers]))
    except _NOT_IN_A_TABLE:
        return float("inf")
