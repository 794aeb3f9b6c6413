"""What becomes of tasks, messages and processes when something is killed, or told to end, at the worst moment."""

import os
import pty
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from acceptance.conftest import clean_environment
from acceptance.test_following import APP, FLEET, SAFE, Crowd
from acceptance.test_supervision import belonging_to, gone, pid_of, until
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from allotment.local.embedded import EmbeddedBroker
from allotment.local.running import RunningFleet
from allotment.local.state import StateFolder

STRAY = '''

@app.task(name="crowd.stray")
def stray(path):
    """Leave two processes, of which one is in a session of its own, and note them."""
    import subprocess
    import sys

    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
    Path(path).write_text(" ".join(str(process.pid) for process in left))
    Path(path).rename(f"{path}.done")
'''
REPEATABLE = SAFE.replace("[crowd.hold]", "[crowd.hold, crowd.stray]")
FIRST = "crowd-1@here"


@contextmanager
def fleet_in(folder: Path, *options: str) -> Iterator[Crowd]:
    """Run a fleet whose tasks are safe to repeat, and see that nothing of it stays."""
    (folder / "crowd.py").write_text(APP + STRAY)
    (folder / "fleet.yaml").write_text(REPEATABLE)
    with RunningFleet(folder / "fleet.yaml", *options, environment=clean_environment()) as fleet:
        yield Crowd(fleet, folder)
    until(lambda: not belonging_to(folder))


def strays_of(found: Crowd, name: str) -> list[psutil.Process]:
    """Let a task leave processes; give them."""
    path = found.folder / name
    found.send_task("crowd.stray", str(path))
    done = path.with_name(f"{name}.done")
    until(done.exists)
    return [psutil.Process(int(pid)) for pid in done.read_text().split()]


def test_what_tasks_leave_ends_with_their_worker_and_with_the_supervisor(tmp_path: Path) -> None:
    with fleet_in(tmp_path, "--scale", "crowd=1") as found:
        left = strays_of(found, "first")
        psutil.Process(pid_of(found.fleet, FIRST)).kill()
        until(lambda: gone(left))
        until(lambda: sum(event["worker"] == FIRST for event in found.events("ready")) == 2)
        left = strays_of(found, "second")
        psutil.Process(found.fleet.pid).kill()
        until(lambda: gone(left))
        until(lambda: not belonging_to(tmp_path))


def test_the_next_supervisor_ends_what_nobody_could(tmp_path: Path) -> None:
    """The supervisor is killed, and its worker too before it has noticed."""
    with fleet_in(tmp_path, "--scale", "crowd=1") as found:
        left = strays_of(found, "first")
        worker = psutil.Process(pid_of(found.fleet, FIRST))
        worker.suspend()
        psutil.Process(found.fleet.pid).kill()
        worker.kill()
        until(lambda: gone([worker]))
        assert not gone(left)
        with RunningFleet(tmp_path / "fleet.yaml", "--node", "here", environment=clean_environment()) as second:
            assert gone(left)
            left = strays_of(Crowd(second, tmp_path), "second")
        assert gone(left), "stopping ends them too"


def test_tasks_of_killed_pool_processes_and_those_longer_than_the_grace_run_again(tmp_path: Path) -> None:
    with fleet_in(tmp_path, "--scale", "crowd=2", "--grace", "1s") as found:
        found.send("one", "two")
        until(lambda: len(found.began("one")) == len(found.began("two")) == 1)
        [child] = psutil.Process(found.began("one")[0]).children()
        child.kill()
        until(lambda: len(found.began("one")) == 2)
        assert len(found.began("two")) == 1
        assert not found.events("ended"), "no worker went with it"
    with fleet_in(tmp_path) as found:
        until(lambda: len(found.began("one")) == 3 and len(found.began("two")) == 2)
        (tmp_path / "go").touch()
        until(lambda: (tmp_path / "one.ended").exists() and (tmp_path / "two.ended").exists())
        assert (tmp_path / "one.ended").read_text() == (tmp_path / "two.ended").read_text() == "ended\n"


def client_of(broker: EmbeddedBroker) -> Redis:
    """Give a client that tries once and not again."""
    return Redis(unix_socket_path=str(broker.socket_path), retry=Retry(NoBackoff(), 0))


def server_of(broker: EmbeddedBroker) -> psutil.Process:
    with client_of(broker) as client:
        return psutil.Process(client.info("server")["process_id"])


def test_the_embedded_broker_comes_back_and_the_fleet_goes_on(tmp_path: Path) -> None:
    broker = EmbeddedBroker(StateFolder.of(tmp_path / "fleet.yaml"))
    with fleet_in(tmp_path, "--grace", "5s") as found:
        (tmp_path / "go").touch()
        for killed in ("server", "keeper"):
            server = server_of(broker)
            keeper = server.parent()
            assert keeper is not None
            (server if killed == "server" else keeper).kill()
            until(lambda pair=(server, keeper): gone([*pair]))
            until(lambda: _answers(broker))
            found.send(killed)
            until((tmp_path / f"{killed}.ended").exists)


def _answers(broker: EmbeddedBroker) -> bool:
    try:
        with client_of(broker) as client:
            return bool(client.ping())
    except RedisError:
        return False


def test_no_confirmed_message_is_lost_with_the_server(tmp_path: Path) -> None:
    """It is killed while messages are confirmed, ever again, and has to have each of them when it is back."""
    broker = EmbeddedBroker(StateFolder(tmp_path / "state"))
    confirmed = 0
    try:
        for _ in range(3):
            broker.hold()
            server = server_of(broker)
            enough = threading.Event()

            def kill(server: psutil.Process = server, enough: threading.Event = enough) -> None:
                enough.wait()
                server.kill()

            killer = threading.Thread(target=kill)
            killer.start()
            with client_of(broker) as client:
                assert client.llen("work") in {confirmed, confirmed + 1}, "one more may have been taken, unconfirmed"
                confirmed = int(client.llen("work"))
                before = confirmed
                try:
                    while True:
                        client.lpush("work", "x" * 1000)
                        confirmed += 1
                        if confirmed - before == 3000:
                            enough.set()
                except RedisError:
                    pass
            killer.join()
            until(lambda server=server: gone([server]))
            until(lambda: not broker.keeper_path.exists())
        broker.hold()
        with client_of(broker) as client:
            assert client.llen("work") in {confirmed, confirmed + 1}
    finally:
        broker.release()
    until(lambda: not belonging_to(tmp_path))


def test_a_terminal_that_hangs_up_stops_the_fleet_in_good_order(tmp_path: Path) -> None:
    (tmp_path / "crowd.py").write_text(APP)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    inner = [sys.executable, "-m", "allotment", "up"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, inner, clean_environment())
    said = b""
    while b"the fleet is ready" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    assert _exit_code(pid) == 0
    until(lambda: not belonging_to(tmp_path))


def _exit_code(pid: int) -> int:
    """Wait for the end of a child; give its exit code."""
    ended: list[int] = []

    def look() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)  # which gives (0, 0) while it runs
        if found:
            ended.append(status)
        return bool(found)

    until(look)
    return os.waitstatus_to_exitcode(ended[0])
