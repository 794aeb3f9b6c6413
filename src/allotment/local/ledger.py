"""Which processes the supervisor of a node started, so that the next one finds those a killed one left.

A process is known by its number and its start time: a number used again by a stranger is not taken for ours.
"""

import contextlib
import json
import os
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from allotment.local.state import write_whole

_SAME_START = 0.01
"""Seconds by which two readings of one start time may differ."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One worker process: the worker's name, its process and group number, and when it started (epoch seconds)."""

    name: str
    pid: int
    started: float

    @classmethod
    def of(cls, name: str, pid: int) -> "Entry":
        """Make the entry of a process that runs now; its start is nothing where it has just ended."""
        with contextlib.suppress(psutil.Error):
            return cls(name, pid, psutil.Process(pid).create_time())
        return cls(name, pid, 0.0)

    def process(self) -> psutil.Process | None:
        """Give the process if it still runs and is the same one."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class Ledger:
    """The entries of one node's workers, in a file that is always whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, Entry] = {}

    def read(self) -> tuple[Entry, ...]:
        """Give what the last supervisor wrote; nothing where there is no file or it is damaged."""
        try:
            return tuple(Entry(**values) for values in json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return ()

    def note(self, entry: Entry) -> None:
        """Write an entry in place of the worker's last one."""
        self._entries[entry.name] = entry
        self._write()

    def strike(self, name: str) -> None:
        """Take a worker's entry out."""
        if self._entries.pop(name, None):
            self._write()

    def _write(self) -> None:
        write_whole(self._path, json.dumps([asdict(entry) for entry in self._entries.values()]))


def end_left_over(entries: Iterable[Entry], grace: float) -> tuple[str, ...]:
    """End workers that an earlier supervisor left, after `grace` seconds at the latest. Gives their names."""
    running = {entry.name: process for entry in entries if (process := entry.process())}
    for process in running.values():
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(list(running.values()), timeout=grace)
    for process in alive:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=grace)
    return tuple(running)
