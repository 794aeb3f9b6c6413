"""Which processes the supervisor of a node started, so that the next one finds those a killed one left.

A process is known by its number and its start time: a number used again by a stranger is not taken for ours.
"""

import contextlib
import json
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import psutil

from allotment.local.state import StateFolder, write_whole
from allotment.local.supervision.strays import end_strays, send

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

    @property
    def node(self) -> str:
        """The node that the worker runs on."""
        return self.name.rpartition("@")[2]

    def process(self) -> psutil.Process | None:
        """Give the process if it still runs and is the same one."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class Ledger:
    """The workers that run, in a file for each node that is always whole."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._entries: dict[str, dict[str, Entry]] = {}

    def read(self, nodes: Iterable[str]) -> tuple[Entry, ...]:
        """Give what the last supervisors of nodes wrote; nothing where there is no file or it is damaged."""
        return tuple(entry for node in nodes for entry in self._read(node))

    def _read(self, node: str) -> tuple[Entry, ...]:
        try:
            return tuple(Entry(**values) for values in json.loads(self._state.file(_file(node)).read_text()))
        except (OSError, ValueError, TypeError):
            return ()

    def note(self, entry: Entry) -> None:
        """Write an entry in place of the worker's last one. Raises OSError and FileInvalid where that fails."""
        self._entries.setdefault(entry.node, {})[entry.name] = entry
        self._write(entry.node)

    def strike(self, entry: Entry) -> None:
        """Take an entry out. Raises OSError and FileInvalid where that fails."""
        if self._entries.get(entry.node, {}).pop(entry.name, None):
            self._write(entry.node)

    def _write(self, node: str) -> None:
        found = [asdict(entry) for entry in self._entries[node].values()]
        write_whole(self._state.file(_file(node)), json.dumps(found))


def _file(node: str) -> str:
    return f"workers-{node}.json"


def mark_of(state: StateFolder, worker: str) -> str:
    """Give the mark by which all that a worker starts is known, see `allotment.local.supervision.strays`."""
    return f"{state.path}#{worker}"


def end_left_over(state: StateFolder, nodes: Iterable[str], grace: float) -> tuple[str, ...]:
    """End the workers that an earlier supervisor of these nodes left, and all that they have started.

    They get `grace` seconds to finish what they run. Gives the names of the workers.
    """
    wanted = frozenset(nodes)
    running = {entry.name: process for entry in Ledger(state).read(wanted) if (process := entry.process())}
    for process in running.values():
        send(process, signal.SIGTERM)
    psutil.wait_procs(list(running.values()), timeout=grace)
    for process in running.values():
        send(process, signal.SIGKILL)
    ours = f"{state.path}#"
    end_strays(lambda mark: mark.startswith(ours) and mark.rpartition("@")[2] in wanted)
    return tuple(running)
