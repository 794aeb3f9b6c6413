"""One fleet on each broker, and a client that sends to it."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from kombu import Connection, pools
from redis import Redis

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.engine.marks import Mark
from allotment.engine.workflow import let_go, report, wait
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import FleetFile, read_fleet_file
from allotment.testing.brokers import BrokerServer, RabbitServer

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "crew"


@dataclass(frozen=True)
class Outcome:
    """What a canvas came to, and where its tasks ran."""

    value: Any
    marks: tuple[Mark, ...]

    @property
    def workers(self) -> dict[str, set[str]]:
        """The workers that ran each task."""
        found: dict[str, set[str]] = {}
        for mark in self.marks:
            found.setdefault(mark.task, set()).add(mark.worker)
        return found


@dataclass(frozen=True)
class Crew:
    """The running fleet of the project crew on one broker."""

    app: Celery
    file: FleetFile
    fleet: RunningFleet
    server: BrokerServer | None
    environment: dict[str, str]

    def run(self, signature: Any, timeout: float = 30.0) -> Outcome:
        """Send a canvas and wait for it. A failed task raises."""
        began, clock = time.monotonic(), time.time()
        results = [signature.apply_async()]
        return self.collect(results, began, clock, timeout)

    def collect(self, results: Sequence[Any], began: float, clock: float, timeout: float = 30.0) -> Outcome:
        """Wait for results and read where they ran; the value is the last one's."""
        try:
            wait(results, timeout)
            assert all(result.ready() for result in results), "not done in time"
            value = results[-1].get(timeout=1)
            return Outcome(value, report(self.app, results, began, clock).marks)
        finally:
            let_go(self.app, results)

    def task(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Make a signature by a task's name."""
        return self.app.signature(name, args=arguments, app=self.app).set(**options)

    @property
    def broker_url(self) -> str:
        """The broker's address as kombu takes it."""
        return str(self.app.conf.broker_url)

    def depth(self, queue: str) -> int:
        """Count the messages that wait in a broker queue; a queue that is not there holds none."""
        with Connection(self.broker_url) as connection:
            channel = connection.default_channel
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except connection.channel_errors:
                return 0


def _addresses(name: str, request: pytest.FixtureRequest) -> tuple[BrokerServer | None, dict[str, str]]:
    """Give the server and the addresses of a broker by its name: messages there, results where they can be kept."""
    if name == "embedded":
        return None, {}
    if name == "rabbitmq":
        server = request.getfixturevalue("rabbitmq")
        return server, {"BROKER_URL": server.url, "RESULT_URL": "embedded"}
    server = request.getfixturevalue({"redis": "redis_server", "valkey": "valkey_server"}[name])
    scheme = server.url if name == "redis" else server.url.replace("redis://", "valkey://")
    return server, {"BROKER_URL": scheme, "RESULT_URL": scheme.rpartition("/")[0] + "/1"}


@contextmanager
def own_place(name: str, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Give the addresses of a place at a broker that no other test uses: a virtual host, or databases of its own."""
    server, environment = _addresses(name, request)
    if server is None:
        yield environment
        return
    if isinstance(server, RabbitServer):
        host = uuid4().hex
        server.control("add_vhost", host)
        server.control("set_permissions", "-p", host, "guest", ".*", ".*", ".*")
        yield environment | {"BROKER_URL": server.url.removesuffix("/") + host}
        server.control("delete_vhost", host)
        return
    base = environment["BROKER_URL"].rpartition("/")[0]
    for database in _OWN_DATABASES:
        _flush(server, database)
    yield dict(zip(environment, (f"{base}/{database}" for database in _OWN_DATABASES), strict=True))


_OWN_DATABASES = (14, 15)
"""For messages and for results: no other test has these."""


def _flush(server: BrokerServer, database: int) -> None:
    with Redis.from_url(server.url.rpartition("/")[0] + f"/{database}") as client:
        client.flushdb()


@pytest.fixture(scope="session", autouse=True)
def _closed_pools() -> Iterator[None]:
    """Close kombu's pools, which all apps of this process share, when all tests are done."""
    yield
    pools.reset()


@pytest.fixture(scope="session", params=["embedded", "redis", "valkey", "rabbitmq"])
def crew(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Give the running fleet of the project crew, on each broker in turn."""
    server, environment = _addresses(request.param, request)
    folder = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp(request.param) / "crew"))
    file = read_fleet_file(folder / "fleet.yaml", environment)
    assert file.model.app is not None
    inventory = read_inventory(file.model.app, folder)
    app = Celery("client", set_as_current=False)
    install(file, app, inventory.tasks)
    keep_results_quiet(app)
    with RunningFleet(file.path, environment=environment) as fleet:
        yield Crew(app, file, fleet, server, environment)
        close(app)


@pytest.fixture(params=["rabbitmq", "redis"])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a broker with nothing in the queues of the fleet."""
    server: BrokerServer = request.getfixturevalue({"rabbitmq": "rabbitmq", "redis": "redis_server"}[request.param])
    url = server.url if request.param == "rabbitmq" else server.url[:-1] + "7"
    yield url
    with Connection(url) as connection:
        for queue in ("crate", "narrow"):
            delete = "queue_delete" if request.param == "rabbitmq" else "queue_purge"
            getattr(connection.default_channel, delete)(queue)
