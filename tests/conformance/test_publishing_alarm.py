"""A broker that takes nothing: RabbitMQ with an alarm of memory, Redis and Valkey without memory, disk or a primary."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu.exceptions import OperationalError
from publishing_tools import FLEET, ends, installed, program, send, until, values

from allotment.engine.client import client_app, close
from allotment.engine.publishing.bulk import Bulk, together
from allotment.errors import BrokerBlocked, BrokerUnreachable, PublishUnconfirmed
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer, RedisServer, ValkeyServer
from allotment.testing.fixtures import require

pytestmark = pytest.mark.timeout(300)


class Alarm:
    """The memory alarm of a server."""

    def __init__(self, server: RabbitServer) -> None:
        self._server = server

    def on(self) -> None:
        """Set it, and wait until it is in force."""
        self._server.control("set_vm_memory_high_watermark", "absolute", "1")
        until(lambda: "memory" in self._server.control("eval", "rabbit_alarm:get_alarms()."))

    def off(self) -> None:
        """End it."""
        self._server.control("set_vm_memory_high_watermark", "0.6")
        until(lambda: "memory" not in self._server.control("eval", "rabbit_alarm:get_alarms()."))


@pytest.fixture(scope="module")
def own_rabbit() -> Iterator[RabbitServer]:
    """Give a RabbitMQ that no other tests use: an alarm is one of the whole server."""
    require(RabbitServer)
    with RabbitServer() as server:
        yield server


@pytest.fixture
def alarm(own_rabbit: RabbitServer) -> Iterator[Alarm]:
    """Give its alarm, which is over after the test."""
    made = Alarm(own_rabbit)
    yield made
    made.off()


def test_a_blocked_broker_is_told_and_takes_nothing_of_what_was_refused(
    own_rabbit: RabbitServer, alarm: Alarm, tmp_path: Path
) -> None:
    with program(tmp_path, own_rabbit.url) as app:
        send(app, 0, timeout=30)
        time.sleep(1.1)  # the connection has not been used for a while
        alarm.on()
        for value in (1, 2):
            error = ends(lambda value=value: send(app, value, task_id=f"number-{value}"))
            assert isinstance(error, BrokerBlocked), error
            assert "low on memory" in error.message
            assert f"number-{value}" in error.message
            assert isinstance(error, OperationalError)
        fresh = installed(tmp_path, own_rabbit.url)  # a program that starts now
        assert isinstance(ends(lambda: send(fresh, 3)), BrokerBlocked)
        alarm.off()
        send(app, 4, timeout=30)
        assert values(own_rabbit.url) == [0, 4]


def test_what_was_written_before_the_alarm_was_seen_is_unconfirmed_and_dropped(
    own_rabbit: RabbitServer, alarm: Alarm, tmp_path: Path
) -> None:
    """The connection is reset, and RabbitMQ then does not read what it had not read. Nobody can rely on that."""
    with program(tmp_path, own_rabbit.url) as app:
        send(app, 0, timeout=30)
        with app.producer_or_acquire() as producer:
            assert producer.channel.connection.blocked is None
        alarm.on()
        with app.producer_or_acquire() as producer:
            producer.channel.connection.took_at = time.monotonic() + 60  # as if it had just taken something
        error = ends(lambda: send(app, 1))
        assert isinstance(error, PublishUnconfirmed), error
        assert "began to take no messages (low on memory)" in error.message
        assert isinstance(ends(lambda: send(app, 2)), BrokerBlocked)
        alarm.off()
        send(app, 3, timeout=30)
        assert values(own_rabbit.url) == [0, 3]


def test_an_alarm_in_the_middle_of_many_is_told_of_each(own_rabbit: RabbitServer, alarm: Alarm, tmp_path: Path) -> None:
    with program(tmp_path, own_rabbit.url) as app:
        send(app, "first", timeout=30)
        told: list[str] = []

        def all_of_them() -> Bulk:
            with together(app) as bulk:
                for value in range(4):
                    send(app, value, task_id=f"before-{value}", timeout=30)
                bulk.settle()
                alarm.on()
                for value in range(2):
                    try:
                        send(app, value, task_id=f"after-{value}")
                    except BrokerBlocked as error:
                        told.append(str(error.task_id))
            return bulk

        bulk = ends(all_of_them)
        assert isinstance(bulk, Bulk), bulk
        assert sorted([*told, *bulk.failed]) == ["after-0", "after-1"]
        alarm.off()
        assert values(own_rabbit.url) == ["first", 0, 1, 2, 3]


def test_a_publish_goes_through_when_the_alarm_ends_in_time(
    own_rabbit: RabbitServer, alarm: Alarm, tmp_path: Path
) -> None:
    with program(tmp_path, own_rabbit.url, FLEET.replace("timeout: 3s", "timeout: 1h")) as app:
        send(app, 0)
        alarm.on()
        came: list[Any] = []
        thread = threading.Thread(target=lambda: came.append(ends(lambda: send(app, 1), 120)))
        thread.start()
        until(lambda: "blocked" in own_rabbit.control("list_connections", "state"))
        assert not came
        alarm.off()
        thread.join(60)
        assert not isinstance(came[0], BaseException), came
        assert values(own_rabbit.url) == [0, 1]


CREW = """
app: crew.app:app
broker: ${BROKER_URL}
results: embedded
profiles:
  all: {tasks: ["left.*", "right.*", "both.*"], queues: [work], concurrency: 1, prefetch: 1}
tasks: {"left.*": {queue: work}, "right.*": {queue: work}, "both.*": {queue: work}}
settings: {worker_send_task_events: true, task_send_sent_event: true}
publish: {timeout: 3s}
"""


def test_workers_drain_on_during_an_alarm(
    own_rabbit: RabbitServer, alarm: Alarm, project: Callable[[str], Path]
) -> None:
    """With events on, which are published too and are dropped meanwhile."""
    folder = project("crew")
    (folder / "fleet.yaml").write_text(CREW)
    with RunningFleet(folder / "fleet.yaml", environment={"BROKER_URL": own_rabbit.url}):
        file = read_fleet_file(folder / "fleet.yaml", {"BROKER_URL": own_rabbit.url})
        app = client_app(file, read_inventory("crew.app:app", folder))
        before = [app.send_task("left.sleep", [0.5], timeout=30) for _ in range(12)]
        before[0].get(timeout=60)
        alarm.on()
        assert [result.get(timeout=60) for result in before] == [0.5] * 12
        assert isinstance(ends(lambda: app.send_task("left.sleep", [0])), BrokerBlocked)
        alarm.off()
        after = app.send_task("left.sleep", [0], timeout=30)
        assert after.get(timeout=60) == 0
        close(app)


OPEN = {"enable-protected-configs": "yes", "enable-debug-command": "yes"}


@pytest.fixture(params=[RedisServer, ValkeyServer])
def starved(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """Give a server of its own, to which anything may be done."""
    require(request.param)
    with request.param(settings=OPEN) as server:
        yield server


def _client(server: RedisServer) -> Any:
    return redis.Redis(port=server.port)


def _out_of_memory(server: RedisServer) -> Callable[[], Any]:
    client = _client(server)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    return lambda: client.config_set("maxmemory", 0)


def _without_disk(server: RedisServer) -> Callable[[], Any]:
    """Saving fails, as there is no such folder, and the server then refuses writes."""
    client = _client(server)
    client.config_set("appendonly", "no")
    client.config_set("save", "3600 1")
    folder = server.folder / "gone"
    folder.mkdir()
    client.config_set("dir", str(folder))
    folder.rmdir()
    client.set("changed", 1)
    client.bgsave()
    until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")

    def heal() -> None:
        folder.mkdir()
        client.config_set("dir", str(folder))
        client.bgsave()
        until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok")

    return heal


def _a_replica(server: RedisServer) -> Callable[[], Any]:
    client = _client(server)
    client.replicaof("127.0.0.1", 1)
    return lambda: client.replicaof("NO", "ONE")


def _without_replicas(server: RedisServer) -> Callable[[], Any]:
    client = _client(server)
    client.config_set("min-replicas-to-write", 1)
    return lambda: client.config_set("min-replicas-to-write", 0)


STARVED = {
    "maxmemory": _out_of_memory,
    "save its data to disk": _without_disk,
    "a replica": _a_replica,
    "fewer replicas": _without_replicas,
}


@pytest.mark.parametrize("words", STARVED)
@pytest.mark.parametrize("queue", ["crate", "narrow"])
def test_a_starved_redis_is_told_in_words(starved: RedisServer, tmp_path: Path, words: str, queue: str) -> None:
    with program(tmp_path, starved.url, FLEET.replace("timeout: 3s", "timeout: 30s")) as app:
        send(app, 0, queue=queue)
        heal = STARVED[words](starved)
        with pytest.raises(BrokerBlocked, match=words) as told:
            send(app, 1, queue=queue, task_id="starved")
        assert "starved" in told.value.message
        assert told.value.queue == queue
        assert told.value.hint
        heal()
        send(app, 2, queue=queue)
        assert values(starved.url, queue) == [0, 2]


def test_a_redis_that_loads_its_data_is_told_in_words(tmp_path: Path) -> None:
    settings = {**OPEN, "key-load-delay": "1000", "loading-process-events-interval-bytes": "1024"}  # 1 ms for each key
    with RedisServer(settings=settings) as server, program(tmp_path, server.url) as app:
        send(app, 0, timeout=30)
        with _client(server).pipeline() as pipe:
            for number in range(20_000):
                pipe.set(f"key-{number}", "x" * 100)
            pipe.execute()
        server.kill()
        starting = threading.Thread(target=server.start)
        starting.start()
        met: list[BaseException] = []

        def taken() -> bool:
            came = ends(lambda: send(app, 1, timeout=10))
            if isinstance(came, BaseException):
                met.append(came)
            return not isinstance(came, BaseException)

        until(taken)
        starting.join()
        assert any(isinstance(one, BrokerBlocked) and "loads its data" in one.message for one in met), met
        assert all(isinstance(one, (BrokerBlocked, BrokerUnreachable)) for one in met), met
        assert values(server.url) == [0, 1]
