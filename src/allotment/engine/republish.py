"""Publish a message that was received once more, untouched: the same bytes, headers and properties."""

from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu import Queue

_KEPT = ("correlation_id", "reply_to", "priority", "message_id", "type", "app_id")


def republish(app: Celery, message: Any, queue: Queue, added_headers: Mapping[str, Any]) -> None:
    """Publish to a queue through the default exchange, and return once the broker has it.

    On RabbitMQ the broker confirms it; on Redis the push is the answer. The queue is declared each time, past
    kombu's memory of what it declared before: a message to a queue that was deleted since would be dropped, and
    confirmed. A compressed body was expanded by kombu when it arrived (`kombu/message.py`) and is compressed again.
    Raises what kombu raises otherwise, and then nothing may be acknowledged.
    """
    properties = {key: message.properties[key] for key in _KEPT if message.properties.get(key) is not None}
    expiration = message.properties.get("expiration")
    if expiration is not None:
        properties["expiration"] = float(expiration) / 1000  # AMQP says it in milliseconds, kombu takes seconds
    headers = {**(message.headers or {}), **added_headers}
    body = message.body.encode() if isinstance(message.body, str) else message.body
    with app.producer_or_acquire() as producer:
        queue(producer.channel).declare()
        _confirming(producer.channel)
        producer.publish(
            body,
            exchange="",
            routing_key=queue.name,
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            compression=headers.pop("compression", None),
            headers=headers,
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
