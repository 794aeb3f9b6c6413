"""How tasks are delivered, on running workers: what is run again after a crash, what is not, and what has to wait."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from celery import Celery
from conformance.test_queues import Host, _host, depth, producer, until
from kombu import Connection, Queue, pools

from allotment.engine.client import close
from allotment.engine.declare import declare_queues
from allotment.engine.marks import read_mark
from allotment.errors import QueueDiffers
from allotment.local.running import RunningFleet
from allotment.plan.broker_queues import broker_queues
from allotment.testing.brokers import RabbitServer, RedisServer

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "couriers"
PATIENCE = 90.0

SAFE = {
    "x-queue-type": "quorum",
    "x-delivery-limit": 20,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "allotment.dead",
}


OFTEN = """
settings:
  broker_transport_options: {unacked_restore_interval: 1, unacked_restore_throttle: 1}
"""
"""How often Redis's messages are looked over: every second, in place of every hundred (`kombu/transport/redis.py`)."""


@dataclass(frozen=True)
class Couriers:
    """The running fleet of the project couriers, and what its tasks wrote down."""

    app: Celery
    folder: Path
    url: str
    host: Host | None

    def send(self, name: str, *arguments: Any, **options: Any) -> Any:
        return self.app.signature(name, args=arguments, app=self.app).apply_async(**options)

    def noted(self, result: Any, event: str) -> list[dict[str, Any]]:
        path = self.folder / "ledger" / f"{result.id}.{event}"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def lane_of(self, result: Any) -> str | None:
        mark = read_mark(self.app.backend.get_task_meta(result.id))
        return mark and mark.lane


@pytest.fixture(scope="module", params=["rabbitmq", "redis"])
def couriers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couriers]:
    folder = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp(request.param) / "couriers"))
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        (folder / "fleet.yaml").write_text((folder / "fleet.yaml").read_text() + OFTEN)
        yield from _running(folder, server.url[:-1] + "8", server.url[:-1] + "9", None)
        return
    for host in _host(request.getfixturevalue("rabbitmq"), "couriers"):
        yield from _running(folder, host.url, "embedded", host)


def _running(folder: Path, url: str, results: str, host: Host | None) -> Iterator[Couriers]:
    environment = {"BROKER_URL": url, "RESULT_URL": results}
    app = producer(folder / "fleet.yaml", environment)
    with RunningFleet(folder / "fleet.yaml", environment=environment):
        yield Couriers(app, folder, url, host)
    close(app)


on_rabbitmq = pytest.mark.parametrize("couriers", ["rabbitmq"], indirect=True)


@pytest.fixture
def host(rabbitmq: RabbitServer) -> Iterator[Host]:
    yield from _host(rabbitmq, "couriers-alone")


# What RabbitMQ holds


def test_the_queues_of_tasks_delivered_at_least_once_are_quorum_queues(host: Host, tmp_path: Path) -> None:
    """And nothing is declared for delayed calls, as none was made."""
    folder = Path(shutil.copytree(PROJECT, tmp_path / "couriers"))
    app = producer(folder / "fleet.yaml", {"BROKER_URL": host.url, "RESULT_URL": "none"})
    plan = app.allotment.plan
    for worker in plan.workers:
        declare_queues(app, worker)
    held = {
        one["name"]: (one["type"], {key: value for key, _, value in one["arguments"]})
        for one in host.listed("list_queues", "name", "type", "arguments")
    }
    assert held == {
        "safe": ("quorum", SAFE),
        "safe:couriers": ("quorum", SAFE),
        "watched": ("quorum", SAFE),
        "old": ("classic", {"x-queue-type": "classic"}),
        "once": ("classic", {}),
        "plain": ("classic", {}),
        "allotment.dead": (
            "classic",
            {"x-max-length": 100_000, "x-overflow": "reject-publish", "x-queue-type": "classic"},
        ),
    }
    assert held.keys() == {queue.name for queue in broker_queues(plan)} | {"allotment.dead"}
    close(app)


# After a crash


@pytest.mark.parametrize("kind", ["safe", "old", "watched"])
def test_a_task_whose_process_was_killed_is_run_again(couriers: Couriers, kind: str) -> None:
    """On a quorum queue, on a classic one, and where the profile says so; on Redis the three are alike."""
    sent = couriers.send(f"{kind}.fall")
    assert sent.get(timeout=PATIENCE) == "arrived"
    assert len(couriers.noted(sent, "began")) == 2
    assert len(couriers.noted(sent, "ended")) == 1


@pytest.mark.parametrize("kind", ["once", "plain"])
def test_a_task_that_is_not_declared_safe_is_not_run_again(couriers: Couriers, kind: str) -> None:
    """Neither what is to be run at most once, nor what the app says nothing of: Celery's own default."""
    sent = couriers.send(f"{kind}.fall")
    with pytest.raises(WorkerLostError):
        sent.get(timeout=PATIENCE)
    assert depth(couriers.url, kind) == 0
    assert couriers.send(f"{kind}.note", 5).get(timeout=PATIENCE) == 5
    assert len(couriers.noted(sent, "began")) == 1
    assert couriers.noted(sent, "ended") == []


@pytest.mark.parametrize("kind", ["safe", "old"])
def test_a_task_whose_worker_was_killed_is_run_again(couriers: Couriers, kind: str) -> None:
    """On RabbitMQ at once, on Redis after the visibility timeout of the file."""
    sent = couriers.send(f"{kind}.hold")
    [began] = until(lambda: couriers.noted(sent, "began"), PATIENCE)
    os.kill(began["worker"], signal.SIGKILL)
    assert sent.get(timeout=PATIENCE) == "arrived"
    assert len(couriers.noted(sent, "ended")) == 1
    assert len({one["worker"] for one in couriers.noted(sent, "began")}) == 2


# Later


@pytest.mark.parametrize("kind", ["safe", "old", "plain"])
def test_a_delayed_call_is_run_once_when_it_is_due(couriers: Couriers, kind: str) -> None:
    """By a worker that serves its lane, whatever the queues of the fleet are."""
    sent = couriers.send(f"{kind}.again", 0, countdown=1)
    assert sent.get(timeout=PATIENCE) == [1, "couriers-1@local"]
    assert len(couriers.noted(sent, "began")) == 2
    assert couriers.lane_of(sent) == ("safe:couriers" if kind == "safe" else kind)
    noted = couriers.send(f"{kind}.note", 3, countdown=1)
    assert noted.get(timeout=PATIENCE) == 3
    mark = read_mark(couriers.app.backend.get_task_meta(noted.id))
    assert mark
    assert mark.sent
    [began] = couriers.noted(noted, "began")
    assert began["time"] >= mark.sent + 0.9


@pytest.mark.parametrize("kind", ["safe", "old", "plain"])
def test_a_retry_after_a_while_finds_its_lane_again(couriers: Couriers, kind: str) -> None:
    sent = couriers.send(f"{kind}.again", 1)
    assert sent.get(timeout=PATIENCE) == [1, "couriers-1@local"]
    assert couriers.lane_of(sent) == ("safe:couriers" if kind == "safe" else kind)


@on_rabbitmq
@pytest.mark.parametrize("kind", ["safe", "plain"])
def test_delayed_calls_keep_no_worker_from_others(couriers: Couriers, kind: str) -> None:
    """Though a quorum queue makes no room for them: they wait at the broker."""
    for number in range(8):
        couriers.send(f"{kind}.again", number, countdown=3600, expires=5)
    assert couriers.send(f"{kind}.note", 4).get(timeout=PATIENCE) == 4


def test_a_delayed_call_reaches_its_lane_and_no_other(host: Host, tmp_path: Path) -> None:
    """Names whose last words are alike: a pattern of Celery's would lead to both."""
    folder = Path(shutil.copytree(PROJECT, tmp_path / "couriers"))
    (folder / "fleet.yaml").write_text(
        "app: couriers.app:app\nbroker: ${BROKER_URL}\nresults: none\n"
        "tasks: {'safe.*': {queue: far.near, delivery: at-least-once}, 'old.*': {queue: near}}\n"
        "profiles: {all: {queues: [far.near, near]}}\n"
    )
    app = producer(folder / "fleet.yaml", {"BROKER_URL": host.url})
    for _ in range(2):
        for task in ("safe.note", "old.note"):
            app.send_task(task, [1], countdown=2)
    until(lambda: depth(host.url, "far.near") == depth(host.url, "near") == 2, PATIENCE)
    close(app)


# A queue that is there as a classic one


@pytest.mark.parametrize("way", ["keep", "move over"])
def test_a_queue_that_is_there_is_kept_or_moved_over(host: Host, tmp_path: Path, way: str) -> None:
    folder = Path(shutil.copytree(PROJECT, tmp_path / "couriers"))

    def sender(delivery: str = "", queues: str = "") -> Celery:
        (folder / "fleet.yaml").write_text(
            "app: couriers.app:app\nbroker: ${BROKER_URL}\nresults: none\n"
            f"tasks: {{'safe.*': {{queue: crate{delivery}}}}}\nprofiles: {{all: {{queues: [crate]}}}}\n{queues}"
        )
        pools.reset()  # a connection remembers what was declared on it
        return producer(folder / "fleet.yaml", {"BROKER_URL": host.url})

    sender().send_task("safe.note", [1])
    safe = ", delivery: at-least-once"
    with pytest.raises(QueueDiffers) as caught:
        sender(safe).send_task("safe.note", [2])
    assert "delivery: at-least-once of its tasks asks for dead_letter: allotment.dead" in caught.value.message
    hint = str(caught.value.hint)
    if way == "keep":
        assert "queues.crate.type: classic" in hint
        sender(safe, "queues: {crate: {type: classic}}\n").send_task("safe.note", [2])
        assert depth(host.url, "crate") == 2
        return
    assert "`rabbitmqctl delete_queue --vhost couriers-alone --if-empty crate`" in hint
    with pytest.raises(CalledProcessError):
        host.control("delete_queue", "--vhost", host.name, "--if-empty", "crate")  # something waits there
    with Connection(host.url) as connection:
        assert Queue("crate")(connection.default_channel).get(no_ack=True)
    host.control("delete_queue", "--vhost", host.name, "--if-empty", "crate")
    sender(safe).send_task("safe.note", [2])
    [crate] = [one for one in host.listed("list_queues", "name", "type") if one["name"] == "crate"]
    assert crate["type"] == "quorum"
