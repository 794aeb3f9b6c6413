"""A password is nowhere but where it was given: in nothing that is printed, logged, kept or sent, and no argument."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from acceptance.conftest import allot, clean_environment
from celery import Celery

from allotment.local.running import RunningFleet
from allotment.testing.brokers import BrokerServer, RabbitServer, RedisServer
from allotment.testing.fixtures import require

CANARY = "c4n4ry-s3cr3t"
COMMANDS = (
    ("check",),
    ("check", "--format", "json"),
    ("check", "--format", "sarif"),
    ("check", "--format", "github"),
    *(("plan", "--format", form) for form in ("text", "json", "markdown", "mermaid", "celeryconfig", "commands")),
    ("explain", "left.process"),
    ("doctor",),
    ("doctor", "--format", "json"),
    ("dead", "list"),
    ("dead", "list", "--format", "json"),
    ("run", "left.process()"),
    ("run", "left.process()", "--format", "json"),
)


@contextlib.contextmanager
def redis_with_a_password() -> Iterator[tuple[BrokerServer, str]]:
    require(RedisServer)
    with RedisServer(settings={"requirepass": CANARY}) as server:
        yield server, server.url.replace("://", f"://:{CANARY}@")


@contextlib.contextmanager
def rabbitmq_with_a_password() -> Iterator[tuple[BrokerServer, str]]:
    require(RabbitServer)
    with RabbitServer() as server:
        server.control("add_user", "clerk", CANARY)
        server.control("set_permissions", "clerk", ".*", ".*", ".*")
        yield server, server.url.replace("guest:guest@", f"clerk:{CANARY}@")


SERVERS = {"redis": redis_with_a_password, "rabbitmq": rabbitmq_with_a_password}


@pytest.fixture(params=list(SERVERS))
def guarded(request: pytest.FixtureRequest) -> Iterator[tuple[BrokerServer, str]]:
    """Give a server that asks for a password, and its address."""
    with SERVERS[request.param]() as found:
        yield found


class Events:
    """Collects the events of a fleet as text."""

    def __init__(self, url: str) -> None:
        self._app = Celery(broker=url, set_as_current=False)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self.seen: list[str] = []
        self.heard = threading.Event()
        self._thread.start()

    def _collect(self) -> None:
        with self._app.connection_for_read() as connection:
            receiver = self._app.events.Receiver(connection, handlers={"*": self._note})
            while not self._stopped.is_set():
                with contextlib.suppress(Exception):  # nothing came, or the server is being killed
                    receiver.capture(limit=None, timeout=1, wakeup=False)

    def _note(self, event: dict[str, Any]) -> None:
        self.seen.append(repr(event))
        self.heard.set()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)


def kept_in(folder: Path) -> dict[str, str]:
    """Give what is in the files of a folder, but for those that the test wrote there itself."""
    return {
        str(path): path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def arguments_of(pid: int) -> str:
    """Give the arguments of a process and of all that came from it."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return "\n".join(" ".join(process.cmdline()) for process in processes)


@pytest.mark.parametrize("written", ["${URL}", "${URL};${OTHER}"], ids=["one", "a list"])
def test_no_password_is_anywhere(
    project: Callable[[str], Path], guarded: tuple[BrokerServer, str], written: str, tmp_path: Path
) -> None:
    server, url = guarded
    folder = project("crew")
    file = folder / "fleet.yaml"
    results = "rpc://" if url.startswith("amqp") else "${URL}"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(("broker:", "results:"))]
    file.write_text("\n".join([f"broker: '{written}'", f"results: '{results}'", *lines]) + "\n")
    environment = {"URL": url, "OTHER": url, "TMPDIR": str(tmp_path)}
    printed: dict[str, str] = {}
    fleet = RunningFleet(file, "--loglevel", "debug", environment=clean_environment() | environment)
    with contextlib.ExitStack() as stack:
        stack.callback(fleet.stop)
        fleet.start()
        events = Events(url)
        stack.callback(events.stop)
        printed["arguments"] = arguments_of(fleet.pid)
        for command in COMMANDS:
            done = allot(*command, folder=folder, environment=environment)
            printed[" ".join(command)] = done.out + done.err
            assert "Traceback" not in done.out + done.err, command
        assert events.heard.wait(30)
        server.kill()
        for command in (("run", "left.process()"), ("doctor",), ("dead", "list")):
            done = allot(*command, folder=folder, environment=environment)
            printed[f"{' '.join(command)} without a server"] = done.out + done.err
            assert done.code != 0
        printed["events"] = "\n".join(events.seen)
    printed["fleet"] = repr(fleet.events)
    printed |= kept_in(folder) | kept_in(tmp_path)
    printed["temporary files"] = "\n".join(str(path) for path in tmp_path.rglob("*"))
    assert [place for place, text in printed.items() if CANARY in text] == []
    wrong = environment | {"URL": url.replace(CANARY, CANARY + "-wrong")}
    server.start()
    for command in COMMANDS[-4:]:
        done = allot(*command, folder=folder, environment=wrong)
        assert CANARY not in done.out + done.err, command
