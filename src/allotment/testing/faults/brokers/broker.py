"""What the harness needs of a broker that it breaks, and what it finds there.

The look goes past the proxy and past Allotment: the oracle must not ask what it is there to judge.
"""

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from kombu import Connection, Producer

from allotment.testing.brokers import LocalServer
from allotment.testing.faults.proxy import Proxy

if TYPE_CHECKING:
    import redis

READY_STATES: Final = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
_RESULT: Final = "celery-task-meta-"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies in a queue: messages that wait, and messages that a worker has and did not acknowledge."""

    ready: int
    unacknowledged: int = 0


@dataclass(frozen=True)
class DeadLetter:
    """A message in `allotment.dead`, as it lies there."""

    id: str
    reason: str
    body: bytes
    content_type: str
    headers: Mapping[str, Any] = field(repr=False)


class FaultBroker(ABC):
    """A broker for one fleet after another. As a context manager: runs while it is in its block."""

    name: ClassVar[str]
    family: ClassVar[str]
    """`rabbitmq` or `redis`."""
    queue_type: ClassVar[str | None] = None

    @abstractmethod
    def __enter__(self) -> Self:
        """Start it."""

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str | None:
        """Say why this machine cannot run it; None: it can."""

    @property
    @abstractmethod
    def addresses(self) -> tuple[str, str]:
        """The addresses of broker and results, as the fleet file has them."""

    @property
    @abstractmethod
    def direct(self) -> str:
        """The broker's address past the proxy."""

    @property
    def proxy(self) -> Proxy | None:
        """The proxy between the fleet and the server; None where there is no network between them."""
        return None

    @property
    def server(self) -> LocalServer | None:
        """The server, where the harness runs it; None where the fleet does."""
        return None

    @abstractmethod
    def settle(self, fleet_file: Path) -> None:
        """Take note of the fleet that comes next."""

    @abstractmethod
    def waiting(self, queues: Iterable[str]) -> Mapping[str, Waiting]:
        """Give what lies in each of these queues."""

    @abstractmethod
    def dead_letters(self) -> Sequence[DeadLetter]:
        """Give what lies in `allotment.dead`, and leave it there."""

    @abstractmethod
    def delete(self, queues: Iterable[str]) -> None:
        """Delete these queues, and every result."""

    def delete_queue(self, queue: str) -> None:
        """Delete one queue, with what lies in it."""
        with Connection(self.direct) as connection:
            connection.default_channel.queue_delete(queue)

    @property
    @abstractmethod
    def _results(self) -> "redis.Redis":
        """A client of the server that keeps the results."""

    def results(self, ids: Iterable[str]) -> dict[str, str]:
        """Give the state of each id that has a result."""
        wanted = list(ids)
        found: dict[str, str] = {}
        with contextlib.closing(self._results) as client:
            for start in range(0, len(wanted), _BATCH):
                part = wanted[start : start + _BATCH]
                values = client.mget([_RESULT + one for one in part])
                for one, value in zip(part, values, strict=True):
                    if value is not None:
                        found[one] = str(json.loads(value).get("status"))
        return found

    def push(self, queue: str, body: bytes, headers: Mapping[str, Any], **properties: Any) -> None:
        """Publish bytes to a queue as a stranger does, past the proxy, and return once the broker has them."""
        properties = {"content_type": "application/json", "content_encoding": "utf-8", **properties}
        with Connection(self.direct, transport_options=self._stranger) as connection:
            Producer(connection.default_channel).publish(
                body, exchange="", routing_key=queue, headers=dict(headers), delivery_mode=2, **properties
            )

    @property
    def _stranger(self) -> dict[str, Any]:
        return {}


class ServedBroker(FaultBroker):
    """One whose server the harness runs, behind a proxy."""

    kind: ClassVar[type[LocalServer]]

    def __init__(self) -> None:
        self._server = self.kind()
        self._proxy = Proxy(port=self._server.port)
        self._open = contextlib.ExitStack()

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this machine cannot run it; None: it can."""
        return cls.kind.unavailable()

    @property
    def _parts(self) -> tuple[LocalServer | Proxy, ...]:
        """What runs, in the order in which it is started."""
        return self._server, self._proxy

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            for part in self._parts:
                starting.enter_context(part)
            self._open = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def direct(self) -> str:
        """The server's own address."""
        return self._server.url

    @property
    def proxy(self) -> Proxy:
        """The proxy before the server."""
        return self._proxy

    @property
    def server(self) -> LocalServer:
        """The server."""
        return self._server

    def settle(self, fleet_file: Path) -> None:
        """Nothing changes from one fleet to the next."""


def dead_letter(headers: Mapping[str, Any], body: bytes, content_type: str) -> DeadLetter:
    """Make it from what lies in the queue; RabbitMQ's own dead letters have its reason."""
    why = headers.get("allotment_dead")
    reason = str(why.get("reason")) if isinstance(why, Mapping) else str(headers.get("x-first-death-reason"))
    return DeadLetter(str(headers.get("id") or ""), reason, body, content_type, headers)
