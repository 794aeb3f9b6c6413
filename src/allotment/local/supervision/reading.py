"""The fleet file as it is read before the fleet runs and while it does."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from allotment.local.answer import Asking
from allotment.local.part import Part, part_of
from allotment.local.supervision.changes import Changes
from allotment.source.fleet_file import read_fleet_file


class Reading:
    """Reads and proves a fleet file again and again, and says when it is another one than was read last.

    `node` and `scale` say which part of it this machine runs, see `part_of`. It may be used from several threads.
    """

    def __init__(self, path: Path, node: str | None, scale: Mapping[str, int]) -> None:
        self._path = path
        self._node = node
        self._scale = scale
        self._place: Path | None = None
        self._changes = Changes()
        self._asking = Asking()
        self.ask = self._asking.ask

    def part(self) -> Part:
        """Read the file and prove it. Raises FileInvalid, UnknownName, AppUnusable, ProofFailed and OSError."""
        file = read_fleet_file(self._path, text_of=self._changes.text_of)
        # a link may lead elsewhere by the next time; the place of the state and of the app stays
        self._place = self._place or file.path
        return part_of(replace(file, path=self._place), self._node, self._scale, self.ask)

    def changed(self) -> bool:
        """Say whether the file, or one that it includes, has changed and kept still, see `Changes.look`."""
        return self._changes.look()

    def end(self) -> None:
        """End the processes in which it looks for the app's tasks, so that no thread waits for them."""
        self._asking.end()
