"""The health check of real workers: on each pool and each broker, when they hang, lose their broker, and come back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from celery import Celery
from kombu import Connection

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.heartbeat import LIMIT, VARIABLE, Health, check, usual_path
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import LocalServer, RabbitServer, RedisServer
from allotment.testing.fixtures import require

ALLOT = (sys.executable, "-m", "allotment")
DEADLINE = 15.0
"""Seconds after which a check has to say that a worker is not healthy."""
MARGIN = 5.0
"""Seconds that the machine may be busy with something else."""
RECOVERY = 45.0
"""Seconds until a worker serves again: Celery waits up to 30 before it tries to connect once more."""

POOLS = ("fork", "threads", "solo", "green")
"""Workers by what they are called here; the last one's threads are greenlets."""

APP = '''
import os
from pathlib import Path

from celery import Celery
from celery.worker.control import Panel

app = Celery("ward")


@app.task(name="ward.wait")
def wait(folder, name):
    """Say by a file that this began, and wait for another one."""
    import time

    Path(folder, f"{name}-began").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.05)


@Panel.register
def hang(state, pipe):
    """Block the thread that handles it, under gevent all of them, until somebody writes into the pipe."""
    os.close(os.open(pipe, os.O_RDONLY))
'''

FLEET = """
app: ward:app
broker: ${BROKER_URL:-embedded}
results: none
default_queue: fork
"""
KINDS = {"fork": "prefork", "threads": "threads", "solo": "solo", "green": "gevent"}


def fleet_of(pools: tuple[str, ...]) -> str:
    """Write a fleet with a worker on each of the pools, which consumes a queue of the pool's name."""
    profiles = "".join(f"  {pool}: {{queues: [{pool}], pool: {KINDS[pool]}, concurrency: 1}}\n" for pool in pools)
    workers = "".join(f"      {pool}: 1\n" for pool in pools)
    return f"{FLEET}profiles:\n{profiles}nodes:\n  here:\n    workers:\n{workers}"


@dataclass(frozen=True)
class Ward:
    """Running workers, one of each pool, and what the check says of them."""

    app: Celery
    fleet: RunningFleet
    files: Mapping[str, Path]

    def health(self, pool: str) -> Health:
        """Ask after the worker of a pool."""
        return check(self.files[pool])

    def healthy(self) -> None:
        """Wait until the check says of all workers that they are healthy."""
        self._until(True, *self.files, timeout=RECOVERY)

    def unhealthy(self, *pools: str) -> list[str]:
        """Wait until the check says of these workers, or of all, that they are not healthy; give why."""
        return self._until(False, *(pools or self.files), timeout=DEADLINE + MARGIN)

    def _until(self, state: bool, *pools: str, timeout: float) -> list[str]:
        deadline = time.monotonic() + timeout
        said: dict[str, Health] = {}
        while any(health.healthy is not state for health in said.values()) or not said:
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
            said = {pool: self.health(pool) for pool in pools}
        return [health.detail for health in said.values()]

    def pid(self, pool: str) -> int:
        """Give the number of a worker's process, the last one."""
        return next(
            event["pid"]
            for event in reversed(self.fleet.events)
            if event["event"] == "started" and event["worker"] == f"{pool}-1@here"
        )

    def occupy(self, folder: Path, *pools: str) -> None:
        """Give workers a task each that runs until the folder has a file `go`, and wait until it has begun."""
        for pool in pools:
            self.app.send_task("ward.wait", args=[str(folder), pool], queue=pool)
        until(lambda: all((folder / f"{pool}-began").exists() for pool in pools))


def until(what: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


@contextmanager
def ward(folder: Path, pools: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[Ward]:
    """Run a worker of each pool, with their files in a folder of their own."""
    (folder / "ward.py").write_text(APP)
    (folder / "fleet.yaml").write_text(fleet_of(pools))
    file = read_fleet_file(folder / "fleet.yaml", dict(environment))
    assert file.model.app is not None
    app = Celery("client", set_as_current=False)
    install(file, app, read_inventory(file.model.app, folder).tasks)
    keep_results_quiet(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"{folder / 'beats'}/")
        files = {pool: usual_path(f"{pool}-1@here", file.path) for pool in pools}
        with RunningFleet(file.path, environment=environment) as fleet:
            found = Ward(app, fleet, files)
            found.healthy()
            yield found
            close(app)
        assert not any(path.exists() for path in files.values()), "a worker that was stopped leaves no file"


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[Ward]:
    """Give a worker on each pool, over Redis."""
    with ward(tmp_path_factory.mktemp("every"), POOLS, {"BROKER_URL": redis_server.url}) as found:
        yield found


def test_a_stopped_process_is_not_healthy_until_it_goes_on(every: Ward) -> None:
    for pool in POOLS:
        os.kill(every.pid(pool), signal.SIGSTOP)
    try:
        said = every.unhealthy()
    finally:
        for pool in POOLS:
            os.kill(every.pid(pool), signal.SIGCONT)
    assert all("no beat for" in text for text in said)
    every.healthy()


def test_a_worker_whose_main_loop_hangs_is_not_healthy_until_it_runs_on(every: Ward, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    every.app.control.broadcast("hang", arguments={"pipe": str(pipe)}, destination=[f"{pool}-1@here" for pool in POOLS])
    try:
        *loops, green = every.unhealthy()
    finally:
        pipe.open("w").close()
    assert all("main loop has stood still" in text for text in loops)
    assert "no beat for" in green, "under gevent all of the process hangs"
    every.healthy()


def test_a_worker_that_runs_a_long_task_is_healthy(every: Ward, tmp_path: Path) -> None:
    every.occupy(tmp_path, *POOLS)
    end = time.monotonic() + LIMIT + 3
    while time.monotonic() < end:
        for pool in POOLS:
            assert every.health(pool).healthy, every.health(pool)
        time.sleep(0.1)
    (tmp_path / "go").touch()
    every.healthy()


def test_a_worker_that_is_told_to_stop_removes_its_file_before_it_drains(every: Ward, tmp_path: Path) -> None:
    every.occupy(tmp_path, "threads", "fork")
    pids = [every.pid("threads"), every.pid("fork")]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    assert all("is stopping" in text for text in every.unhealthy("threads", "fork"))
    for pid in pids:
        os.kill(pid, 0)
    (tmp_path / "go").touch()
    every.healthy()


def test_a_worker_that_is_killed_is_not_healthy_until_there_is_another(every: Ward) -> None:
    pids = [every.pid(pool) for pool in POOLS]
    for pool, pid in zip(POOLS, pids, strict=True):
        os.kill(pid, signal.SIGKILL)
        assert every.unhealthy(pool) == [f"{pool}-1@here: process {pid} is gone"]
    every.healthy()
    assert not {every.health(pool).pid for pool in POOLS} & set(pids)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("kind", "end"), [(RedisServer, LocalServer.kill), (RabbitServer, LocalServer.stop)])
def test_a_worker_that_loses_its_broker_is_not_healthy_until_it_is_back(
    kind: type[LocalServer], end: Callable[[LocalServer], None], tmp_path: Path
) -> None:
    require(kind)
    with kind() as server, ward(tmp_path, ("fork", "green"), {"BROKER_URL": server.url}) as found:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            said = found.unhealthy()
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert all("broker has not answered" in text for text in said)
        found.healthy()
        end(server)
        found.unhealthy()
        server.start()
        found.healthy()


def test_a_worker_that_loses_the_embedded_broker_is_not_healthy_until_it_is_back(tmp_path: Path) -> None:
    with ward(tmp_path, ("fork", "solo"), {}) as found:
        with Connection(str(found.app.conf.broker_url)) as connection:
            server = psutil.Process(connection.default_channel.client.info("server")["process_id"])
        keeper = server.parent()  # which would start another server
        assert keeper is not None
        keeper.suspend()
        server.suspend()
        try:
            said = found.unhealthy()
        finally:
            server.resume()
            keeper.resume()
        assert all("broker has not answered" in text for text in said)
        found.healthy()


@contextmanager
def worker_alone(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start a worker as a container would, in the folder of its fleet file; in the end tell it to stop."""
    (folder / "ward.py").write_text(APP)
    (folder / "fleet.yaml").write_text(fleet_of(("fork",)))
    (folder / "temporary").mkdir(exist_ok=True)
    with subprocess.Popen(
        [*ALLOT, "worker", "--profile", "fork", *options],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as worker:
        try:
            yield worker
        finally:
            worker.terminate()


def lines(worker: subprocess.Popen[str], last: str = "ready.") -> Iterator[str]:
    """Read what a worker says, up to a line with some text."""
    assert worker.stdout is not None
    for line in worker.stdout:
        yield line
        if last in line:
            return


def test_the_command_tells_of_a_worker_with_the_same_options(tmp_path: Path) -> None:
    def code() -> int:
        return subprocess.run(
            [*ALLOT, "worker", "--profile", "fork", "--health-check"],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
            stdout=subprocess.DEVNULL,
            check=False,
        ).returncode

    with worker_alone(tmp_path) as worker:
        until(lambda: code() == 0)
        worker.terminate()
        until(lambda: code() == 1)
    assert worker.returncode == 0


def test_a_worker_that_cannot_write_its_file_says_so_and_runs_on(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    warning = "no heartbeat file is kept, so health checks fail: "
    with worker_alone(tmp_path, "--heartbeat", str(tmp_path / "plain" / "below")) as worker:
        said = list(lines(worker))
        if not any(warning in line for line in said):
            said += lines(worker, warning)
        worker.terminate()
        said += lines(worker, "never said")
    assert worker.returncode == 0, said
    assert sum(warning in line for line in said) == 1, said
    assert not any("Traceback" in line for line in said), said


def test_a_worker_whose_file_is_kept_by_another_says_so(tmp_path: Path) -> None:
    beat = str(tmp_path / "beat.json")
    with worker_alone(tmp_path, "--heartbeat", beat) as first:
        until(lambda: check(Path(beat)).healthy)
        with worker_alone(tmp_path, "--heartbeat", beat, "--index", "2") as second:
            said = list(lines(second))
    assert any(f"process {first.pid} keeps the same heartbeat file" in line for line in said), said


def test_workers_that_begin_at_once_with_one_file_say_so(tmp_path: Path) -> None:
    beat = str(tmp_path / "beat.json")
    warning = "keeps the same heartbeat file"
    with (
        worker_alone(tmp_path, "--heartbeat", beat) as first,
        worker_alone(tmp_path, "--heartbeat", beat, "--index", "2") as second,
    ):
        said = [list(lines(worker, warning))[-1] for worker in (first, second)]
        for worker in (first, second):
            worker.terminate()
        rest = [*lines(first, "never said"), *lines(second, "never said")]
    assert f"process {second.pid} {warning}" in said[0]
    assert f"process {first.pid} {warning}" in said[1]
    assert not any(warning in line for line in rest)
