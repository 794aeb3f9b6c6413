"""The journal: which messages the broker confirmed, and which it did not take, as the publisher was told.

An id counts as confirmed only once its line is on the disk: so it does not matter when the publisher dies.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from allotment.testing.faults.ledger import Lines


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A message that the broker has, and after how many seconds the publisher was told so."""

    id: str
    task: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that the publisher was told is not taken: the error's class and text, and after how many seconds."""

    id: str
    task: str
    error: str
    text: str
    seconds: float


class JournalWriter:
    """Writes down what became of each publish. May be used from several threads."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._waiting: list[Mapping[str, object]] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def confirmed(self, confirmed: Confirmed) -> None:
        """Note a message that the broker has; it counts from the next `flush` on."""
        self._add(confirmed, {"confirmed": True})

    def refused(self, refused: Refused) -> None:
        """Note a message that was not taken."""
        self._add(refused, {"confirmed": False, "error": refused.error, "text": refused.text[:400]})

    def _add(self, told: Confirmed | Refused, values: Mapping[str, object]) -> None:
        line = {"id": told.id, "task": told.task, "seconds": round(told.seconds, 4), **values, "time": time.time()}
        with self._lock:
            self._waiting.append(line)

    def flush(self) -> None:
        """Write what was noted, and return once it is on the disk."""
        with self._writing:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            if waiting:
                os.write(self._descriptor, "".join(json.dumps(values) + "\n" for values in waiting).encode())
                os.fsync(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.flush()
        os.close(self._descriptor)


class Journal:
    """What the journal says so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = Lines(path)
        self.confirmed: list[Confirmed] = []
        """The messages that were confirmed, oldest first."""
        self.refused: list[Refused] = []
        """The messages that were not taken, oldest first."""

    def read(self) -> "Journal":
        """Read on to the file's end; give this journal."""
        for line in self._lines.new():
            if line["confirmed"]:
                self.confirmed.append(Confirmed(line["id"], line["task"], line["seconds"]))
            else:
                self.refused.append(Refused(line["id"], line["task"], line["error"], line["text"], line["seconds"]))
        return self
