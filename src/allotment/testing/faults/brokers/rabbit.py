"""RabbitMQ, to be broken; results lie in a Valkey beside it, which no fault reaches."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import redis
from kombu import Connection

from allotment.model.names import DEAD_QUEUE
from allotment.testing.brokers import LocalServer, RabbitServer, ValkeyServer
from allotment.testing.faults.brokers.broker import DeadLetter, ServedBroker, Waiting, dead_letter
from allotment.testing.faults.proxy import Proxy


class _RabbitBroker(ServedBroker):
    family = "rabbitmq"
    kind = RabbitServer
    _server: RabbitServer

    def __init__(self) -> None:
        super().__init__()
        self._kept = ValkeyServer()

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this machine cannot run it; None: it can."""
        return super().unavailable() or ValkeyServer.unavailable()

    @property
    def _parts(self) -> tuple[LocalServer | Proxy, ...]:
        return self._kept, *super()._parts

    @property
    def addresses(self) -> tuple[str, str]:
        """The addresses of broker and results."""
        return self._proxy.url(self._server.url), self._kept.url

    @property
    def _stranger(self) -> dict[str, Any]:
        return {"confirm_publish": True}

    def waiting(self, queues: Iterable[str]) -> Mapping[str, Waiting]:
        """Give what lies in each of these queues."""
        wanted = set(queues)
        text = self._server.control("list_queues", "--no-table-headers", "name", "messages_ready", "messages")
        found = {}
        for line in text.splitlines():
            name, ready, every = line.split("\t")
            if name in wanted:
                # a queue that is not up again after a restart is listed without figures: take it for not empty
                known = bool(ready and every)
                found[name] = Waiting(int(ready), int(every) - int(ready)) if known else Waiting(0, 1)
        return found

    def dead_letters(self) -> Sequence[DeadLetter]:
        """Give what lies in `allotment.dead`, and leave it there."""
        found = []
        with Connection(self.direct) as connection:
            channel = connection.default_channel
            with contextlib.suppress(connection.channel_errors):
                while message := channel.basic_get(DEAD_QUEUE):
                    headers = dict(message.headers or {})
                    body = message.body.encode() if isinstance(message.body, str) else bytes(message.body)
                    found.append(dead_letter(headers, body, str(message.content_type)))
        return found

    def delete(self, queues: Iterable[str]) -> None:
        """Delete these queues, and every result."""
        with Connection(self.direct) as connection:
            for queue in queues:
                with contextlib.suppress(connection.channel_errors):
                    connection.channel().queue_delete(queue)
        with contextlib.closing(self._results) as client:
            client.flushall()

    @property
    def _results(self) -> "redis.Redis":
        return redis.Redis.from_url(self._kept.url)


class RabbitQuorum(_RabbitBroker):
    """RabbitMQ with what `delivery: at-least-once` makes of its queues."""

    name = "rabbitmq-quorum"


class RabbitClassic(_RabbitBroker):
    """RabbitMQ with classic queues."""

    name = "rabbitmq-classic"
    queue_type = "classic"
