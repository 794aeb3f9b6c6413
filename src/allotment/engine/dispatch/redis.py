"""Writing to Redis and Valkey: many messages with one command."""

import base64
from collections.abc import Sequence
from typing import Any

from kombu.exceptions import EncodeError
from kombu.utils.json import dumps

from allotment.engine.dispatch.template import Template
from allotment.engine.dispatch.writing import Outgoing, OutgoingAttempt, Sending, encoder
from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import Attempt
from allotment.engine.redis_transport.channel import Channel
from allotment.errors import MessageTooLarge, PublishUnconfirmed

_BODY = "-the-body-"
"""Stands for the body of a message: in base64 there is no such sign."""


class RedisWriter:
    """Writes the messages of a template to lists without a limit."""

    def __init__(self, sending: Sending, template: Template) -> None:
        self._sending = sending
        self._template = template
        self._encode = encoder(template)
        self._text = _envelope(template)

    @staticmethod
    def serves(channel: Any, template: Template) -> bool:
        """Say whether the messages may be pushed without a look at what is in their queues."""
        return isinstance(channel, Channel) and all(
            channel.limit_of(queue) is None and queue not in channel._expires  # noqa: SLF001 - kombu has no public way
            for queue in _destinations(channel, template)
        )

    def write(self, tasks: Sequence[Outgoing]) -> None:
        """Push some: all of them, or none. Raises Stopped."""
        made: list[tuple[OutgoingAttempt, str]] = []
        left = list(tasks)
        with self._sending.several(lambda: left) as chunk:
            for task in tasks:
                attempt = self._sending.attempt(task, chunk.deadline)
                try:
                    made.append((attempt, self._text_of(task, attempt)))
                except (EncodeError, MessageTooLarge) as error:
                    self._sending.bulk.fail(attempt, error)
                    left.remove(task)
            try:
                self._pushed(chunk, [text for _, text in made])
            except PublishUnconfirmed:
                left.clear()
                for attempt, _ in made:
                    why = "the connection broke before the answer"
                    self._sending.bulk.fail(attempt, failures.unconfirmed(attempt, why))
                raise

    def _pushed(self, chunk: Attempt, texts: list[str]) -> None:
        if texts:
            producer = self._sending.bulk.connected()
            push = producer.connection.ensure(producer, self._push, **self._sending.retries)
            push(chunk, texts)
        chunk.confirmed = True

    def _push(self, chunk: Attempt, texts: list[str]) -> None:
        producer, template = self._sending.bulk.producer, self._template
        for entity in template.declare:
            producer.maybe_declare(entity)
        channel: Channel = producer.channel
        chunk.putting = True
        try:
            for queue in _destinations(channel, template):
                channel.server.lpush(channel.key(channel.list_of(queue, template.message)), *texts)
        except channel.connection_errors as error:
            if chunk.sent:  # pushed again they might be there twice
                raise failures.unconfirmed(chunk, f"the connection broke before the answer ({error})") from error
            raise
        finally:
            chunk.putting = False

    def _text_of(self, task: Outgoing, attempt: Attempt) -> str:
        body = self._encode(task.arguments)
        self._sending.check_size(attempt, len(body) + len(self._text))
        text = self._text.replace(self._template.identity, task.identity)
        return text.replace(_BODY, base64.b64encode(body).decode())


def _destinations(channel: Any, template: Template) -> list[str]:
    if not template.exchange:
        return [template.routing_key]
    found: list[str] = channel.destinations(template.exchange, template.routing_key)
    return found


def _envelope(template: Template) -> str:
    """Give the text of a message in Redis, as kombu writes it (`kombu/transport/virtual/base.py`)."""
    message, properties = template.message, template.message["properties"]
    where = {"exchange": template.exchange, "routing_key": template.routing_key}
    written = {
        **properties,
        "body_encoding": "base64",
        "delivery_tag": template.identity,
        "delivery_info": {**properties.get("delivery_info", {}), **where},
    }
    text: str = dumps({**message, "body": _BODY, "properties": written})
    return text
