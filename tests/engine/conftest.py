"""What the tests of the engine share: servers for its transport, and tasks for its pool of threads."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engine.transports import server_of

from allotment.engine.limits import mark_body
from allotment.engine.threads import TaskPool
from allotment.testing.brokers import BrokerServer, LocalServer, RedisServer, ValkeyServer
from allotment.testing.fixtures import require

WAIT = 10.0


class Body:
    """A task as far as limits know one: something with a `run`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run
        mark_body(self)

    def traced(self, *args: Any) -> Any:
        """Run as Celery's tracing does: failures are values, and its own code is around the task's."""
        try:
            return self.run(*args)
        except Exception as error:  # noqa: BLE001 - as Celery does
            return error


@pytest.fixture
def make() -> Iterator[Callable[..., TaskPool]]:
    """Give a function that starts a pool; all are ended at the end."""
    pools: list[TaskPool] = []

    def start(limit: int, **options: Any) -> TaskPool:
        pool = TaskPool(limit, **options)
        pool.start()
        pools.append(pool)
        return pool

    yield start
    for pool in pools:
        pool.terminate()


class Outcomes:
    """What came of jobs, in the order in which it came."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.limits: list[tuple[bool, float]] = []
        self._changed = threading.Condition()

    def options(self) -> dict[str, Any]:
        """Give the callbacks for a job."""
        return {"callback": self._take, "error_callback": self._take, "timeout_callback": self._passed}

    def _take(self, value: Any) -> None:
        with self._changed:
            self.values.append(value)
            self._changed.notify_all()

    def _passed(self, soft: bool, limit: float) -> None:
        with self._changed:
            self.limits.append((soft, limit))
            self._changed.notify_all()

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        with self._changed:
            assert self._changed.wait_for(true, WAIT), "it did not come to be"

    def until_count(self, count: int) -> list[Any]:
        """Wait for so many values."""
        self.until(lambda: len(self.values) >= count)
        return self.values


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so that nobody tells of."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.005)


class Gate:
    """A task that runs until it is let go, and counts how many run at once."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self._lock = threading.Lock()
        self._go = threading.Semaphore(0)

    def __call__(self) -> None:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        assert self._go.acquire(timeout=WAIT)
        with self._lock:
            self.running -= 1

    def let_go(self, count: int) -> None:
        """Let so many end."""
        self._go.release(count)


def spin(seconds: float = WAIT) -> str:
    """Run Python for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)
    return "ended by itself"


@pytest.fixture(params=["redis_server", "valkey_server"])
def server(request: pytest.FixtureRequest) -> BrokerServer:
    """Give a running Redis and Valkey in turn, with nothing in them."""
    found: BrokerServer = request.getfixturevalue(request.param)
    server_of(found.url).flushall()
    return found


@pytest.fixture(params=[RedisServer, ValkeyServer])
def own_server(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    """Give a Redis and a Valkey in turn that no other test uses."""
    require(request.param)
    with request.param() as found:
        yield found


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """Give a Valkey that no other test uses."""
    require(ValkeyServer)
    with ValkeyServer() as found:
        yield found
