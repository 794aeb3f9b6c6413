"""What `allot up` has said of its workers, under one supervisor after the other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


class Announced:
    """Reads the events of `allot up --format json`, each of them once, and remembers what follows from them."""

    def __init__(self) -> None:
        self._read = 0
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._pids: dict[str, int] = {}

    def read(self, events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Read on in the events of the present supervisor; give those that are new."""
        new = events[self._read :]
        self._read += len(new)
        for event in new:
            self._take(event)
        return new

    def begin_again(self) -> None:
        """Another supervisor comes, whose events are a list of their own."""
        self._read = 0
        self._pids.clear()

    def pid(self, worker: str) -> int | None:
        """Give the process number of a worker that was started and has not ended since."""
        return self._pids.get(worker)

    def count(self, event: str, worker: str | None = None) -> int:
        """Count the events of a kind, of one worker or of all."""
        return self._counts[event, worker]

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, worker = event["event"], event.get("worker")
        for of in {None, worker}:
            self._counts[kind, of] += 1
        if kind == "started":
            self._pids[event["worker"]] = event["pid"]
        elif kind == "ended":
            self._pids.pop(event["worker"], None)
