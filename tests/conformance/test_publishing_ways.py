"""Every way of sending a task, to a queue that is full: who sends is told, and so is who waits for a result."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from kombu import Connection, pools
from publishing_tools import depth, until

from allotment.engine.client import client_app, close
from allotment.errors import QueueFull
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file

pytestmark = pytest.mark.timeout(240)

MODULE = '''
from celery import Celery
from allotment import contract, implements

app = Celery("courier")
app.conf.beat_schedule = {"often": {"task": "courier.wall", "schedule": 1.0, "args": [0]}}


@app.task(name="courier.note", shared=False)
def note(value):
    return value


@app.task(name="courier.wall", shared=False)
def wall(value):
    return value


@app.task(name="courier.inside", shared=False)
def inside():
    wall.delay(1)


@app.task(name="courier.again", shared=False, bind=True)
def again(self):
    raise self.retry(countdown=0, queue="wall")


@contract(name=f"courier.{__name__}", queue="wall")
def agreed(value: int) -> int:
    """Agreed on."""


@implements(agreed, app=app)
def agreed_code(value: int) -> int:
    return value
'''

FLEET = """
app: MODULE:app
broker: ${BROKER_URL}
results: ${RESULT_URL}
tasks:
  courier.wall: {queue: wall}
  courier.MODULE: {queue: wall}
  "courier.*": {queue: desk}
queues: {wall: {max_length: 1}}
profiles:
  desk: {tasks: ["courier.*"], queues: [desk], concurrency: 2, time_limit: 1m}
  wall: {tasks: ["courier.*"], queues: [wall], concurrency: 1, time_limit: 1m}
nodes:
  here: {workers: {desk: 1}}
  away: {workers: {wall: 1}}
"""


@dataclass(frozen=True)
class Courier:
    """A fleet of which one node runs, and a program with its tasks; the queue of the other is full."""

    app: Celery
    folder: Path
    environment: dict[str, str]
    module: Any

    def task(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Make a signature."""
        return self.app.signature(f"courier.{name}", args=arguments, app=self.app).set(**options)

    @property
    def waiting(self) -> int:
        """How many messages wait in the full queue."""
        return depth(self.environment["BROKER_URL"], "wall")


def _addresses(request: pytest.FixtureRequest, kind: str) -> dict[str, str]:
    if kind == "redis":
        url = request.getfixturevalue("redis_server").url[:-1]
        return {"BROKER_URL": url + "9", "RESULT_URL": url + "10"}
    return {"BROKER_URL": request.getfixturevalue("rabbitmq").url, "RESULT_URL": "embedded"}


@pytest.fixture(scope="module", params=["rabbitmq", "redis"])
def courier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Courier]:
    """Give the fleet on each broker."""
    folder = tmp_path_factory.mktemp(request.param)
    yield from _running(f"courier_{request.param}", folder, _addresses(request, request.param))


on_rabbitmq = pytest.mark.parametrize("courier", ["rabbitmq"], indirect=True)


def _running(name: str, folder: Path, environment: dict[str, str]) -> Iterator[Courier]:
    """Run it with a module of its own name: this process keeps what it has imported."""
    (folder / f"{name}.py").write_text(MODULE)
    (folder / "fleet.yaml").write_text(FLEET.replace("MODULE", name))
    file = read_fleet_file(folder / "fleet.yaml", environment)
    app = client_app(file, read_inventory(f"{name}:app", folder))
    with RunningFleet(folder / "fleet.yaml", "--node", "here", environment=environment):
        app.send_task("courier.wall", [0], ignore_result=True)
        yield Courier(app, folder, environment, sys.modules[name])
        pools.reset()
        close(app)
    sys.path.remove(str(folder))
    with Connection(environment["BROKER_URL"]) as connection:
        for queue in ("desk", "wall"):
            connection.default_channel.queue_purge(queue)


WAYS: dict[str, Callable[[Courier], Any]] = {
    "send_task": lambda one: one.app.send_task("courier.wall", [1], task_id="mine"),
    "send_task by place": lambda one: one.app.send_task("courier.wall", [1], {}, None, None, "mine"),
    "apply_async": lambda one: one.app.tasks["courier.wall"].apply_async([1], task_id="mine"),
    "signature": lambda one: one.task("wall", 1).apply_async(task_id="mine"),
    "a contract": lambda one: one.module.agreed.apply_async([1], task_id="mine"),
    "countdown": lambda one: one.task("wall", 1).apply_async(countdown=0.01, task_id="mine"),
}


@pytest.mark.parametrize("way", WAYS)
def test_one_call_is_told_with_task_queue_and_id(courier: Courier, way: str) -> None:
    with pytest.raises(QueueFull) as told:
        WAYS[way](courier)
    error = told.value
    assert (error.queue, error.task_id) == ("wall", "mine")
    assert error.task in {"courier.wall", f"courier.{courier.module.__name__}"}
    assert "mine" in error.message
    assert courier.waiting == 1


MORE: dict[str, Callable[[Courier], Any]] = {
    "delay": lambda one: one.app.tasks["courier.wall"].delay(1),
    "a contract's delay": lambda one: one.module.agreed.delay(1),
    "a contract's call": lambda one: one.module.agreed.s(1).delay(),
    "a contract's adelay": lambda one: asyncio.run(one.module.agreed.adelay(1)),
    "group": lambda one: group([one.task("note", 1), one.task("wall", 1)], app=one.app).apply_async(),
    "chain": lambda one: chain(one.task("wall", 1), one.task("note"), app=one.app).apply_async(),
    "the header of a chord": lambda one: chord([one.task("wall", 1)], one.task("note"), app=one.app).apply_async(),
}


@pytest.mark.parametrize("way", MORE)
def test_other_ways_are_told(courier: Courier, way: str) -> None:
    with pytest.raises(QueueFull, match="'wall'") as told:
        MORE[way](courier)
    assert told.value.task_id
    assert courier.waiting == 1


def test_a_send_inside_a_task_raises_there(courier: Courier) -> None:
    with pytest.raises(Exception, match="the queue 'wall' is full") as told:
        courier.task("inside").apply_async().get(timeout=60)
    assert isinstance(told.value, QueueFull), "the error keeps its class on its way back"


AFTER: dict[str, Callable[[Courier], Any]] = {
    "the next of a chain": lambda one: chain(one.task("note", 1), one.task("wall"), one.task("note"), app=one.app),
    "a group after a task": lambda one: chain(one.task("note", 1), group(one.task("wall"), app=one.app), app=one.app),
    "the body of a chord": lambda one: chord([one.task("note", 1), one.task("note", 2)], one.task("wall"), app=one.app),
}


@pytest.mark.parametrize("way", AFTER)
def test_who_waits_for_what_was_to_follow_is_told(courier: Courier, way: str) -> None:
    with pytest.raises(Exception, match="'wall' is full"):
        AFTER[way](courier).apply_async().get(timeout=60)
    assert courier.waiting == 1


def test_a_callback_that_cannot_be_sent_fails_its_task(courier: Courier) -> None:
    with pytest.raises(Exception, match="'wall' is full"):
        courier.task("note", 1).apply_async(link=courier.task("wall")).get(timeout=60)


@on_rabbitmq
def test_who_waits_for_a_task_that_cannot_be_sent_again_is_told(courier: Courier) -> None:
    """On Redis a retry is taken by a full queue."""
    with pytest.raises(Exception, match="'wall' is full"):
        courier.task("again").apply_async().get(timeout=60)


def test_the_worker_goes_on_after_all_that(courier: Courier) -> None:
    assert courier.task("note", 5).apply_async().get(timeout=60) == 5


def test_beat_logs_and_goes_on(courier: Courier, tmp_path: Path) -> None:
    program = (
        f"from allotment import Fleet; from {courier.module.__name__} import app; "
        f"Fleet.load('fleet.yaml').install(app); "
        f"app.start(['beat', '-s', {str(tmp_path / 'schedule')!r}, '--pidfile', ''])"
    )
    with (tmp_path / "log").open("w") as log:
        beat = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=courier.folder,
            env={**os.environ, **courier.environment},
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: (tmp_path / "log").read_text().count("Couldn't apply scheduled task often") >= 3)
        assert beat.poll() is None
        assert "the queue 'wall' is full" in (tmp_path / "log").read_text()
    finally:
        beat.terminate()
        beat.wait()


def test_the_command_shows_it_without_a_traceback(courier: Courier) -> None:
    command = [sys.executable, "-m", "allotment", "run", "courier.wall(1)"]
    for form in ([], ["--json"]):
        ended = subprocess.run(
            [*command, *form],
            cwd=courier.folder,
            env={**os.environ, **courier.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 1, ended
        assert "Traceback" not in ended.stdout + ended.stderr
        assert "the queue 'wall' is full" in ended.stdout + ended.stderr
        if form:
            assert "queue-full" in json.dumps(ended.stdout + ended.stderr)


def test_results_over_rpc_go_on_when_somebody_does_not_wait(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The reply queue of one that is gone is gone too: its result reaches nobody, and that is no error."""
    environment = _addresses(request, "rabbitmq") | {"RESULT_URL": "rpc://"}
    for courier in _running("courier_rpc", tmp_path, environment):
        lost = courier.task("note", 1).apply_async(reply_to="nobody-listens-here")
        assert lost.id
        assert courier.task("note", 2).apply_async().get(timeout=60) == 2
