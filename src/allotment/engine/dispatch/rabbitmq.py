"""Writing to RabbitMQ: each message into the window of its bulk, with properties that were encoded once."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from kombu.exceptions import EncodeError

from allotment.engine.dispatch.template import Template
from allotment.engine.dispatch.writing import Outgoing, Sending, encoder
from allotment.engine.publishing.attempt import Attempt
from allotment.engine.publishing.rabbitmq.answers import Answer
from allotment.errors import MessageTooLarge


class RabbitWriter:
    """Writes the messages of a template."""

    def __init__(self, sending: Sending, template: Template) -> None:
        self._sending = sending
        self._template = template
        self._encode = encoder(template)
        self._properties = template.message._serialize_properties()  # noqa: SLF001 - as py-amqp's writer of frames
        self._identity = template.identity.encode()

    def write(self, tasks: Sequence[Outgoing]) -> None:
        """Write some, over another connection where this one breaks. Raises Stopped."""
        waiting = deque(tasks)
        with self._sending.several(lambda: tuple(waiting)) as attempt:
            producer = self._sending.bulk.connected()
            write = producer.connection.ensure(producer, self._write, **self._sending.retries)
            write(waiting, attempt)

    def _write(self, waiting: deque[Outgoing], chunk: Attempt) -> None:
        sending, template = self._sending, self._template
        producer = sending.bulk.producer
        for entity in template.declare:
            producer.maybe_declare(entity)
        window = producer.channel.window_of(sending.bulk)
        while waiting:
            task = waiting[0]
            attempt = sending.attempt(task, chunk.deadline)
            try:
                content = self._content(task, attempt)
            except (EncodeError, MessageTooLarge) as error:
                sending.bulk.fail(attempt, error)
            else:
                window.put(Answer(content, template.exchange, template.routing_key), attempt)
            waiting.popleft()

    def _content(self, task: Outgoing, attempt: Attempt) -> "_Content":
        body = self._encode(task.arguments)
        properties = self._properties.replace(self._identity, task.identity.encode())
        self._sending.check_size(attempt, len(body) + len(properties))
        return _Content(task.identity, properties, body)


class _Content:
    """What py-amqp's writer of frames asks of a message (`amqp/method_framing.py`)."""

    __slots__ = ("_encoded", "body", "identity")

    def __init__(self, identity: str, encoded: bytes, body: bytes) -> None:
        self.identity = identity
        self.body = body
        self._encoded = encoded

    @property
    def properties(self) -> dict[str, Any]:
        """What it can be told apart by."""
        return {"correlation_id": self.identity}

    def _serialize_properties(self) -> bytes:
        return self._encoded
