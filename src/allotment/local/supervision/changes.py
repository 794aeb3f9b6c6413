"""Noticing that the files of a fleet are others than they were."""

from collections.abc import Iterable
from pathlib import Path

from allotment.source.fleet_file import read_text

_Status = tuple[int, int, int, int, int] | None


class Changes:
    """Looks at files by their status, which costs next to nothing; reading them through `text_of` adds to them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._last = self._status()
        self._moving = False

    def text_of(self, path: Path) -> str:
        """Read a file, and look at it from now on, whether it is there or not. Raises FileInvalid."""
        if str(path) not in self._names:
            self._names.add(str(path))
            self._last[str(path)] = _status(path)
        return read_text(path)

    def look(self) -> bool:
        """Say whether one of the files has changed since it was last said, and has kept still for a look since.

        An editor may write a file in several steps.
        """
        now = self._status()
        if now != self._last:
            self._last, self._moving = now, True
            return False
        moved, self._moving = self._moving, False
        return moved

    def _status(self) -> dict[str, _Status]:
        return {name: _status(Path(name)) for name in self._names}


def _status(path: Path) -> _Status:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
