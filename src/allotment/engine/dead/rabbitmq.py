"""Dead letters on RabbitMQ: taken without being acknowledged, and given back by closing the channel they came on.

RabbitMQ has no way to look at a message in its place. What it delivered comes back to where it was, in order, when its
channel ends, however that ends (its docs, "Consumer Acknowledgements and Publisher Confirms", automatic requeueing;
"Queues", message ordering). Until then others do not see it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import amqp
from amqp.exceptions import NotFound
from celery import Celery
from kombu import Queue

from allotment.engine.guard.properties import keep_what_cannot_be_read
from allotment.engine.publishing.sending import sending
from allotment.errors import BrokerBlocked, PublishUnconfirmed, QueueFull
from allotment.model.dead_letter import StoredMessage
from allotment.model.names import DEAD_QUEUE

_KEPT = ("priority", "correlation_id", "reply_to", "message_id", "timestamp", "type", "app_id")
"""The properties that a message is sent again with. A time to live is not among them, nor its user, who is another."""

_CHANGES = {"x-delivery-count", "x-acquired-count"}
"""Headers that RabbitMQ changes from one delivery to the next."""


class RabbitDeadLetters:
    """The queue `allotment.dead`, with a channel to take from it and one to publish by."""

    def __init__(self, app: Celery, connection: Any) -> None:
        keep_what_cannot_be_read()  # RabbitMQ gives messages up by itself, which no worker has looked at
        self._app = app
        self._connection = connection
        self._publishing: Any = None
        self._answers = True
        self._sent = False
        self.taking = connection.channel()
        self.taking.auto_decode = False  # a body that is decoded and encoded again may be another

    @property
    def doubt(self) -> str | None:
        """Say that what was sent last may be there still: its acknowledgement is not answered."""
        if not self._sent:
            return None
        return f"what was sent last may also lie in {DEAD_QUEUE} still: repeated, the replay would send it twice"

    def held(self) -> Iterator["RabbitHeld"]:
        """Take one message after the other, until there is none that nobody else has taken."""
        while (found := self._take()) is not None:
            yield RabbitHeld(self, found, read_delivered(found))

    def close(self) -> None:
        """Give back what was neither sent nor dropped."""
        if self._answers:
            self.taking.close()
        else:
            self._connection.connection.abort()  # a broker that takes nothing would not say goodbye either

    def publish(self, message: Any, queue: Queue, task: str, task_id: str | None) -> None:
        """Publish to a queue and return once the broker has it. Raises PublishFailed."""
        try:
            with sending(self._app, task, task_id=task_id):
                if self._publishing is None or not self._publishing.is_open:
                    self._publishing = self._connection.channel()
                queue(self._publishing).declare()
                _check_nothing_is_dropped(self._publishing, queue)
                self._publishing.basic_publish_confirm(message, exchange="", routing_key=queue.name, mandatory=True)
                self._sent = True
        except (PublishUnconfirmed, BrokerBlocked) as error:
            self._answers = False
            self._sent = self._sent or isinstance(error, PublishUnconfirmed)
            raise

    def _take(self) -> Any:
        try:
            return self.taking.basic_get(DEAD_QUEUE)
        except NotFound:
            return None


@dataclass
class RabbitHeld:
    """A message that was taken and not acknowledged."""

    store: RabbitDeadLetters
    taken: Any
    message: StoredMessage

    def send(self, queue: Queue, headers: Mapping[str, Any]) -> bool:
        """Publish it, then acknowledge it here: a kill between the two leaves it in both queues.

        Raises PublishFailed.
        """
        kept = {name: value for name in _KEPT if (value := self.message.properties.get(name)) is not None}
        copy = amqp.Message(
            self.message.body,
            content_type=self.message.content_type,
            content_encoding=self.message.content_encoding,
            application_headers=dict(headers),
            delivery_mode=2,
            **kept,
        )
        task, identity = (headers.get(name) for name in ("task", "id"))
        self.store.publish(copy, queue, str(task), None if identity is None else str(identity))
        return self.drop()

    def drop(self) -> bool:
        """Acknowledge it."""
        self.store.taking.basic_ack(self.taken.delivery_tag)
        return True


def read_delivered(taken: Any) -> StoredMessage:
    """Read a message as py-amqp delivers it."""
    properties = dict(taken.properties)
    headers = dict(properties.pop("application_headers", None) or {})
    body = taken.body.encode() if isinstance(taken.body, str) else bytes(taken.body)
    lasting = sorted((name, repr(value)) for name, value in headers.items() if name not in _CHANGES)
    known = repr((lasting, sorted((name, repr(value)) for name, value in properties.items())))
    digest = hashlib.sha256(body + b"\0" + known.encode(errors="backslashreplace")).hexdigest()[:16]
    return StoredMessage(
        body,
        digest,
        headers,
        properties,
        properties.get("content_type"),
        properties.get("content_encoding"),
    )


def _check_nothing_is_dropped(channel: Any, queue: Queue) -> None:
    """See that a queue which drops its oldest message when it is full is not. Raises QueueFull.

    RabbitMQ tells nobody of such a drop. What others send between this look and the publish may still lead to one.
    """
    arguments = queue.queue_arguments or {}
    limit, overflow = arguments.get("x-max-length"), arguments.get("x-overflow", "drop-head")
    if limit is None or overflow != "drop-head":
        return
    if channel.queue_declare(queue.name, passive=True).message_count >= limit:
        raise QueueFull(f"the queue {queue.name!r} is full, and would drop its oldest message", queue=queue.name)
