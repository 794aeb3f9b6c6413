"""Redis, Valkey and the embedded broker, to be broken; results lie in another database of the same server."""

import base64
import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import redis

from allotment.local.embedded import EmbeddedBroker
from allotment.local.state import StateFolder
from allotment.model.names import DEAD_QUEUE
from allotment.testing.brokers import RedisServer, ValkeyServer
from allotment.testing.faults.brokers.broker import DeadLetter, FaultBroker, ServedBroker, Waiting, dead_letter


class _RedisFamily(FaultBroker):
    family = "redis"

    def waiting(self, queues: Iterable[str]) -> Mapping[str, Waiting]:
        """Give what lies in each of these queues."""
        names = list(queues)
        with contextlib.closing(redis.Redis.from_url(_database(self.direct, 0))) as client:
            unacked = client.hlen("unacked")
            found = {name: Waiting(int(client.llen(name))) for name in names}
        return {**found, "unacked": Waiting(0, int(unacked))}

    def dead_letters(self) -> Sequence[DeadLetter]:
        """Give what lies in `allotment.dead`, and leave it there."""
        with contextlib.closing(redis.Redis.from_url(_database(self.direct, 0))) as client:
            lying = client.lrange(DEAD_QUEUE, 0, -1)
        return list(_from_lists(lying))

    def delete(self, queues: Iterable[str]) -> None:  # noqa: ARG002 - everything goes
        """Delete these queues, and every result."""
        with contextlib.closing(redis.Redis.from_url(_database(self.direct, 0))) as client:
            client.flushall()

    @property
    def _results(self) -> "redis.Redis":
        return redis.Redis.from_url(_database(self.direct, 1))


class _RedisBroker(_RedisFamily, ServedBroker):
    @property
    def addresses(self) -> tuple[str, str]:
        """The addresses of broker and results."""
        broker = self._proxy.url(self._server.url)
        return broker, _database(broker, 1)


class RedisBroker(_RedisBroker):
    """Redis."""

    name = "redis"
    kind = RedisServer


class ValkeyBroker(_RedisBroker):
    """Valkey."""

    name = "valkey"
    kind = ValkeyServer


class Embedded(_RedisFamily):
    """The embedded broker, which the fleet starts itself; nothing can be put between the two."""

    name = "embedded"

    def __init__(self) -> None:
        self._url = ""

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this machine cannot run it; None: it can."""
        return ValkeyServer.unavailable()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs but what the fleet runs."""

    @property
    def addresses(self) -> tuple[str, str]:
        """The addresses of broker and results."""
        return "embedded", "embedded"

    @property
    def direct(self) -> str:
        """The server's own address."""
        return self._url

    def settle(self, fleet_file: Path) -> None:
        """Take note of the fleet that comes next."""
        self._url = EmbeddedBroker(StateFolder.of(fleet_file)).broker_url

    def delete(self, queues: Iterable[str]) -> None:
        """Nothing to do: each fleet has a folder of its own."""


def _database(url: str, number: int) -> str:
    """Give the URL of one of a server's databases, as redis-py takes it."""
    if url.startswith("redis+socket://"):
        return f"unix://{url.removeprefix('redis+socket://').partition('?')[0]}?db={number}"
    return f"{url.rpartition('/')[0]}/{number}"


def _from_lists(lying: Iterable[bytes | str]) -> Iterator[DeadLetter]:
    """Read messages as kombu's virtual transports write them."""
    for text in lying:
        message = json.loads(text)
        properties = message.get("properties", {})
        body = message["body"].encode()
        if properties.get("body_encoding") == "base64":
            body = base64.b64decode(body)
        yield dead_letter(message.get("headers") or {}, body, str(message.get("content-type")))
