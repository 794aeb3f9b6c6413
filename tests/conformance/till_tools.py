"""The running fleet of the project till, and a program that sends to it."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from celery.result import AsyncResult

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "till"
WAIT = 60.0


def until(what: Callable[[], Any], timeout: float = WAIT) -> Any:
    """Wait until something is so, and give it."""
    deadline = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)
    return found


@dataclass(frozen=True)
class Entry:
    """A run, as the task wrote it down; it says its id, or what the task before gave."""

    task: str
    order: str
    said: str
    pid: int


@dataclass(frozen=True)
class Till:
    """The running fleet of the project till."""

    app: Celery
    fleet: RunningFleet
    folder: Path

    def signature(self, name: str, *arguments: Any, queue: str = "fork", **options: Any) -> Any:
        return self.app.signature(f"till.{name}", args=arguments, app=self.app).set(queue=queue, **options)

    def send(self, name: str, *arguments: Any, queue: str = "fork", **options: Any) -> AsyncResult:
        return self.signature(name, *arguments, queue=queue, **options).apply_async()

    def ran(self, task: str, order: object) -> list[Entry]:
        """List what was run of a task for an order."""
        ledger = self.folder / "ledger"
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        entries = (Entry(task, order, said, int(pid)) for task, order, said, pid, _ in map(str.split, lines))
        return [entry for entry in entries if (entry.task, entry.order) == (task, str(order))]

    def close_gate(self, order: object) -> Path:
        """Make the runs of an order wait, until the file is gone."""
        gate = self.folder / f"closed-{order}"
        gate.touch()
        return gate

    def said(self, *parts: str) -> list[str]:
        """List the lines of the workers' logs with all of these parts."""
        lines = [str(event.get("text", "")) for event in list(self.fleet.events)]
        return [line for line in lines if all(part in line for part in parts)]

    def repeated(self, name: str, order: object, queue: str = "fork") -> list[AsyncResult]:
        """Send twice, by the hand of two that know nothing of each other."""
        return [self.send(name, order, queue=queue) for _ in range(2)]


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[Till]:
    file = read_fleet_file(folder / "fleet.yaml", dict(environment))
    assert file.model.app is not None
    app = Celery("client", set_as_current=False)
    install(file, app, read_inventory(file.model.app, folder).tasks)
    keep_results_quiet(app)
    with RunningFleet(file.path, environment={**environment, "LEDGER": str(folder / "ledger")}) as fleet:
        yield Till(app, fleet, folder)
        close(app)


def project(folder: Path) -> Path:
    return Path(shutil.copytree(PROJECT, folder / "till"))
