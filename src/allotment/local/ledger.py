"""Which processes the supervisor of a node started, so that the next one finds those a killed one left.

A process is known by its number and its start: a number used again by a stranger is not taken for ours.
"""

import contextlib
import json
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from allotment.local.heartbeat import start_of
from allotment.local.state import StateFolder, write_whole
from allotment.local.supervision.strays import end_strays, send

_SAME_START = 0.01
"""Seconds by which two readings of one start time may differ."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""What tells one run of the machine from any other (proc_sys_kernel(5))."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One worker process: the worker's name, its process and group number, and when it started.

    The start is a text, of the clock ticks since the machine's and of what tells that one from others, so that setting
    the date changes nothing. Where there is no /proc it is seconds since the epoch, which older versions wrote.
    """

    name: str
    pid: int
    started: str | float

    @classmethod
    def of(cls, name: str, pid: int) -> "Entry":
        """Make the entry of a process that runs now; its start is nothing where it has just ended."""
        return cls(name, pid, _ticks(pid) or _seconds(pid) or 0.0)

    @property
    def node(self) -> str:
        """The node that the worker runs on."""
        return self.name.rpartition("@")[2]

    def process(self) -> psutil.Process | None:
        """Give the process if it still runs and is the same one."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if self._is_same() and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def _is_same(self) -> bool:
        if isinstance(self.started, str):
            return self.started == _ticks(self.pid)
        seconds = _seconds(self.pid)
        return seconds is not None and abs(seconds - self.started) < _SAME_START


def _ticks(pid: int) -> str | None:
    """Give a process's start by the machine's own; None where it has ended, or there is no /proc."""
    ticks = start_of(pid)
    try:
        return None if ticks is None else f"{ticks} {_BOOT_ID.read_text().strip()}"
    except OSError:
        return None


def _seconds(pid: int) -> float | None:
    """Give a process's start in seconds since the epoch, by the clock as it is set now; None where it has ended."""
    with contextlib.suppress(psutil.Error, OSError):
        return psutil.Process(pid).create_time()
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
