"""The locks on nodes, so that only one supervisor runs each."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from allotment.errors import SupervisorRunning
from allotment.local.lock import FileLock, Held, LocksUnsupported
from allotment.local.state import StateFolder, unlockable, unwritable


class NodeLocks:
    """The locks that this process holds on nodes of a fleet file, until the end of the context."""

    def __init__(self, state: StateFolder, fleet_file: Path) -> None:
        self._state = state
        self._fleet_file = fleet_file
        self._held: dict[str, FileLock] = {}

    def hold(self, nodes: Iterable[str]) -> None:
        """Hold these nodes too, all or none. Raises SupervisorRunning, and FileInvalid where no lock can be made."""
        with ExitStack() as undo:
            taken = {}
            for node in nodes:
                if node not in self._held:
                    taken[node] = self._lock(node)
                    undo.callback(taken[node].release)
            undo.pop_all()
        self._held |= taken

    def _lock(self, node: str) -> FileLock:
        lock = FileLock(self._state.file(f"supervisor-{node}.lock"))
        try:
            lock.acquire()
        except Held as held:
            by = "another process" if held.pid is None else f"process {held.pid}"
            stop = "stop it first" if held.pid is None else f"stop it first (kill {held.pid})"
            raise SupervisorRunning(
                f"node {node!r} of {self._fleet_file} is already run by {by}",
                hint=f"{stop}, or run another node with --node",
            ) from None
        except LocksUnsupported as error:
            raise unlockable(self._state.path, error) from None
        except OSError as error:
            raise unwritable(self._state.path, error) from None
        return lock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for lock in self._held.values():
            lock.release()
