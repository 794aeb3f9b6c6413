"""Every pool setting of a profile, on running workers: it is there, and it does what it says."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery.result import AsyncResult

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "pools"

PREFORK = "celery.concurrency.prefork:TaskPool"
THREADS = "allotment.engine.threads:TaskPool"
GEVENT = "celery.concurrency.gevent:TaskPool"

IO = """
app: pools.app:app
broker: ${BROKER_URL}
results: embedded
profiles:
  io: {preset: io, queues: [io]}
"""
AT_ONCE = 20

GREEN = """
app: pools.app:app
broker: embedded
profiles: {green: {queues: [green], pool: gevent}}
"""

CORES = """
app: pools.app:app
broker: embedded
default_queue: found
profiles:
  found: {queues: [found], pool: threads}
  said: {queues: [said], pool: threads}
nodes:
  here: {workers: {found: 1}}
  there: {cpu: 3, workers: {said: 1}}
"""


def until(what: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


@dataclass(frozen=True)
class Running:
    """A fleet that runs, and an app that sends to it."""

    app: Celery
    fleet: RunningFleet

    def send(self, name: str, *arguments: Any, queue: str, **options: Any) -> AsyncResult:
        """Send a task to the queue of a profile."""
        signature = self.app.signature(f"pools.{name}", args=arguments, app=self.app)
        return signature.apply_async(queue=queue, **options)

    def value(self, name: str, *arguments: Any, queue: str) -> Any:
        """Send a task and wait for what it gives."""
        return self.send(name, *arguments, queue=queue).get(timeout=20)

    def failure(self, result: AsyncResult) -> BaseException:
        """Wait for a task to fail, and give what with."""
        error = result.get(timeout=20, propagate=False)
        assert result.state == "FAILURE"
        assert isinstance(error, BaseException)
        return error

    def stats(self, profile: str, node: str = "local") -> dict[str, Any]:
        """Ask a worker about itself."""
        name = f"{profile}-1@{node}"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            answers = self.app.control.inspect([name], timeout=5, limit=1).stats()
            if answers:
                found: dict[str, Any] = answers[name]
                return found
        raise AssertionError(f"{name} did not answer")

    def size(self, profile: str) -> int:
        """Give how many places the pool has now; prefork's `max-concurrency` is the one it began with."""
        pool = self.stats(profile)["pool"]
        return len(pool["processes"]) if "processes" in pool else int(pool["max-concurrency"])

    def pid(self, worker: str) -> int:
        """Give the number of a worker's process."""
        return next(
            event["pid"] for event in self.fleet.events if event["event"] == "started" and event["worker"] == worker
        )


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    file = read_fleet_file(folder / "fleet.yaml", dict(environment))
    assert file.model.app is not None
    app = Celery("client", set_as_current=False)
    install(file, app, read_inventory(file.model.app, folder).tasks)
    keep_results_quiet(app)
    with RunningFleet(file.path, environment=environment) as fleet:
        yield Running(app, fleet)
        close(app)


def began(folder: Path) -> int:
    """Count the tasks that hold a folder."""
    return len(list(folder.glob("began-*")))


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a worker on each pool; AUTOSCALE_KEEPALIVE is how long Celery leaves a place that is not used."""
    folder = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp("pools") / "pools"))
    with running(folder, {"AUTOSCALE_KEEPALIVE": "1"}) as found:
        yield found


@pytest.mark.parametrize(
    ("profile", "expected", "prefetch"),
    [
        ("fork", {"implementation": PREFORK, "max-concurrency": 2, "timeouts": [1, 2]}, 2 * 3),
        ("children", {"implementation": PREFORK, "max-concurrency": 1, "max-tasks-per-child": 2}, 1 * 4),
        ("threads", {"implementation": THREADS, "max-concurrency": 2, "timeouts": [1, 2]}, 2 * 3),
        ("thread", {"implementation": THREADS, "max-concurrency": 1, "timeouts": [0, 0]}, 6 * 4),
        ("green", {"implementation": GEVENT, "max-concurrency": 25}, 25 * 2),
    ],
)
def test_what_the_profile_says_is_what_the_worker_has(
    pools: Running, profile: str, expected: dict[str, Any], prefetch: int
) -> None:
    stats = pools.stats(profile)
    assert {key: stats["pool"].get(key) for key in expected} == expected
    assert stats["prefetch_count"] == prefetch


@pytest.mark.parametrize("profile", ["fork", "threads"])
def test_a_task_over_its_soft_limit_gets_an_exception(pools: Running, profile: str) -> None:
    of_profile = pools.send("work", 30, queue=profile)
    own = pools.send("work", 30, queue=profile, soft_time_limit=0.2)
    for result in (of_profile, own):
        assert isinstance(pools.failure(result), SoftTimeLimitExceeded)
    assert of_profile.date_done - own.date_done > of_profile.date_done.resolution * 500_000, "each has its own limit"


@pytest.mark.parametrize(("profile", "task"), [("fork", "block"), ("threads", "block"), ("green", "work")])
def test_a_task_over_its_hard_limit_fails_and_the_worker_serves_on(pools: Running, profile: str, task: str) -> None:
    began_at = time.monotonic()
    results = [pools.send(task, 4, queue=profile) for _ in range(2)]
    for result in results:
        assert isinstance(pools.failure(result), TimeLimitExceeded)
    assert time.monotonic() - began_at < 4, "the caller is told at once"
    assert pools.value("where", queue=profile)
    assert time.monotonic() - began_at < 4, "others do not wait for what is stuck"
    if profile == "threads":
        assert pools.stats("threads")["pool"]["stuck-threads"] == 2
        until(lambda: pools.stats("threads")["pool"]["stuck-threads"] == 0)
    for result in results:
        assert pools.app.backend.get_task_meta(result.id, cache=False)["status"] == "FAILURE", "no late result"


@pytest.mark.parametrize("profile", ["fork", "threads"])
def test_a_task_that_ends_its_process_fails(pools: Running, profile: str) -> None:
    assert isinstance(pools.failure(pools.send("leave", queue=profile)), WorkerLostError)
    assert pools.value("where", queue=profile)


def test_a_child_is_replaced_after_so_many_tasks(pools: Running) -> None:
    ran_in = [pools.value("where", queue="children") for _ in range(6)]
    assert ran_in[0::2] == ran_in[1::2]
    assert len(set(ran_in)) == 3


def test_a_child_that_has_grown_is_replaced(pools: Running) -> None:
    first = pools.value("where", queue="memory")
    assert pools.value("keep", 1, queue="memory") == first
    assert pools.value("keep", 250, queue="memory") == first
    assert pools.value("where", queue="memory") != first


@pytest.mark.parametrize(("profile", "least", "most"), [("forkless", 1, 3), ("thread", 1, 6)])
def test_a_pool_grows_under_load_and_shrinks_after(
    pools: Running, tmp_path: Path, profile: str, least: int, most: int
) -> None:
    assert pools.size(profile) == least
    results = [pools.send("hold", str(tmp_path), queue=profile) for _ in range(2 * most)]
    until(lambda: began(tmp_path) == most)
    assert pools.size(profile) == most
    (tmp_path / "go").touch()
    pids = {result.get(timeout=20) for result in results}
    assert len(pids) == (1 if profile == "thread" else most)
    until(lambda: pools.size(profile) == least)


def test_a_pool_of_threads_obeys_remote_control(pools: Running) -> None:
    control = pools.app.control
    control.pool_grow(3, destination=["threads-1@local"], reply=True, limit=1)
    assert (pools.size("threads"), pools.stats("threads")["prefetch_count"]) == (5, 15)
    control.pool_shrink(3, destination=["threads-1@local"], reply=True, limit=1)
    assert (pools.size("threads"), pools.stats("threads")["prefetch_count"]) == (2, 6)
    control.autoscale(4, 2, destination=["thread-1@local"], reply=True, limit=1)
    assert pools.size("thread") == 2
    control.autoscale(6, 1, destination=["thread-1@local"], reply=True, limit=1)
    until(lambda: pools.size("thread") == 1)


@pytest.fixture(params=[THREADS, GEVENT])
def io(request: pytest.FixtureRequest, tmp_path: Path, project: Callable[[str], Path], rabbitmq: RabbitServer) -> Any:
    """Give a worker of the preset io over RabbitMQ, without gevent and with it."""
    folder = project("pools")
    (folder / "fleet.yaml").write_text(IO)
    environment = {"BROKER_URL": rabbitmq.url}
    if request.param == THREADS:
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['gevent'] = None")
        environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with running(folder, environment) as found:
        yield request.param, found


def test_io_runs_many_tasks_at_once_in_one_process_and_drains(io: tuple[str, Running], tmp_path: Path) -> None:
    implementation, found = io
    worker = found.pid("io-1@local")
    stats = found.stats("io")
    assert stats["pool"]["implementation"] == implementation
    assert (stats["pool"]["max-concurrency"], stats["prefetch_count"]) == (20, 100 * 10)
    results = [found.send("meet", AT_ONCE, queue="io") for _ in range(AT_ONCE)]
    assert {result.get(timeout=30) for result in results} == {worker}
    assert psutil.Process(worker).children(recursive=True) == []
    sent = time.monotonic()
    results = [found.send("where", queue="io") for _ in range(50)]
    assert {result.get(timeout=30) for result in results} == {worker}
    assert time.monotonic() - sent < 50 / 12, "they are taken up without a pause after each"

    holding = found.send("hold", str(tmp_path), queue="io")
    until(lambda: began(tmp_path))
    stopping = threading.Thread(target=found.fleet.stop)
    stopping.start()
    until(lambda: any("Warm shutdown" in str(event) for event in found.fleet.events))
    assert psutil.pid_exists(worker)
    (tmp_path / "go").touch()
    assert holding.get(timeout=20) == worker
    stopping.join(20)
    assert not psutil.pid_exists(worker)
    with found.app.connection_for_read() as connection:
        assert connection.default_channel.queue_declare("io", passive=True).message_count == 0, "it was acknowledged"


def test_a_worker_on_gevent_ends_with_its_supervisor(project: Callable[[str], Path]) -> None:
    folder = project("pools")
    (folder / "fleet.yaml").write_text(GREEN)
    with running(folder, {}) as found:
        worker = psutil.Process(found.pid("green-1@local"))
        os.kill(found.fleet.pid, signal.SIGKILL)
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are assigned on Linux only")
def test_without_a_word_a_worker_has_a_place_for_each_core_it_may_use(project: Callable[[str], Path]) -> None:
    folder = project("pools")
    (folder / "fleet.yaml").write_text(CORES)
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usual)})
    try:
        with running(folder, {}) as found:
            assert found.stats("found", "here")["pool"]["max-concurrency"] == 1
            assert found.stats("said", "there")["pool"]["max-concurrency"] == 3
    finally:
        os.sched_setaffinity(0, usual)
