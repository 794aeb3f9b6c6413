"""The ledger: each task's start and end, with its worker and process, in a file beside the broker.

Workers write it by Celery's signals, so it works for anybody's tasks. A line is written by one call with O_APPEND, so
lines of several processes do not mix, and none waits in a buffer when a process is killed.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

from celery.signals import task_postrun, task_prerun

from allotment.testing.faults.oracle import Run

VARIABLE: Final = "ALLOTMENT_FAULT_LEDGER"
"""The environment variable that names the file; without it nothing is written."""


def record_tasks() -> None:
    """Have this process, and those it forks, write down each task that they run, where the variable names a file."""
    path = os.environ.get(VARIABLE)
    if not path:
        return

    def began(task_id: str, task: Any, **_: Any) -> None:
        _append(path, {"what": "start", "id": task_id, "task": task.name, "worker": task.request.hostname})

    def ended(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
        _append(path, {"what": "end", "id": task_id, "task": task.name, "state": state or ""})

    task_prerun.connect(began, weak=False, dispatch_uid="allotment-fault-ledger")
    task_postrun.connect(ended, weak=False, dispatch_uid="allotment-fault-ledger")


def note_effect(task_id: str) -> None:
    """Write down that a task's own code runs, as against the signals around it."""
    path = os.environ.get(VARIABLE)
    if path:
        _append(path, {"what": "effect", "id": task_id})


def _append(path: str, values: Mapping[str, object]) -> None:
    line = json.dumps({**values, "pid": os.getpid(), "time": time.time()}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Lines:
    """The whole lines of a file that grows, as JSON; each call of `new` gives those that came since the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> list[dict[str, Any]]:
        """Give what came since the last call; a line that is not whole yet is left for the next."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # a process was killed while it wrote, and the next line came after half of one
                continue
        return found


class Ledger:
    """What the ledger says so far.

    What it gives is no copy and grows with the next `read`, so a look costs nothing that was paid for before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = Lines(path)
        self._runs: list[Run] = []
        self._completed: list[Run] = []
        self._finished: set[str] = set()
        self._open: dict[tuple[str, int], int] = {}
        self._of_message: dict[str, list[int]] = {}
        self._effects: dict[str, int] = {}

    def read(self) -> "Ledger":
        """Read on to the file's end; give this ledger."""
        for line in self._lines.new():
            self._take(line)
        return self

    @property
    def runs(self) -> Sequence[Run]:
        """Every run seen, in the order they began."""
        return self._runs

    @property
    def completed(self) -> Sequence[Run]:
        """The runs that came to their end, in the order they did."""
        return self._completed

    @property
    def finished(self) -> AbstractSet[str]:
        """The ids of which a run came to its end."""
        return self._finished

    def running(self, alive: Iterable[int]) -> tuple[Run, ...]:
        """Give the runs that have begun and not ended, in processes that are `alive`."""
        pids = set(alive)
        return tuple(run for run in (self._runs[index] for index in self._open.values()) if run.pid in pids)

    def runs_of(self, task_id: str) -> tuple[Run, ...]:
        """Give the runs of one message."""
        return tuple(self._runs[index] for index in self._of_message.get(task_id, ()))

    def effects(self, task_id: str) -> int:
        """Count how often the own code of one message's task ran."""
        return self._effects.get(task_id, 0)

    def _take(self, line: Mapping[str, Any]) -> None:
        identity, pid = str(line.get("id")), int(line.get("pid", 0))
        if line.get("what") == "start":
            self._open[identity, pid] = len(self._runs)
            self._of_message.setdefault(identity, []).append(len(self._runs))
            self._runs.append(Run(identity, str(line["task"]), str(line["worker"]), pid, float(line["time"])))
        elif line.get("what") == "end":
            index = self._open.pop((identity, pid), None)
            if index is None:
                return
            begun = self._runs[index]
            ended = Run(begun.id, begun.task, begun.worker, pid, begun.began, float(line["time"]), str(line["state"]))
            self._runs[index] = ended
            if ended.finished:
                self._finished.add(identity)
                self._completed.append(ended)
        elif line.get("what") == "effect":
            self._effects[identity] = self._effects.get(identity, 0) + 1
