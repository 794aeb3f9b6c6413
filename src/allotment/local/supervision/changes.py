"""Noticing that the files of a fleet are others than they were when they were read."""

from pathlib import Path
from threading import Lock

from allotment.source.fleet_file import read_text

_Status = tuple[int, int, int, int, int] | None


class Changes:
    """Looks at the files that are read through it, by their status, which costs next to nothing; from any thread."""

    def __init__(self) -> None:
        self._last: dict[str, _Status] = {}
        self._moving = False
        self._lock = Lock()

    def text_of(self, path: Path) -> str:
        """Read a file, and look at it from before that on, whether it is there or not. Raises FileInvalid."""
        with self._lock:
            self._last.setdefault(str(path), _status(path))
        return read_text(path)

    def look(self) -> bool:
        """Say whether one of the files has changed since it was last said, and has kept still for a look since.

        An editor may write a file in several steps.
        """
        with self._lock:
            now = {name: _status(Path(name)) for name in self._last}
            if now != self._last:
                self._last, self._moving = now, True
                return False
        moved, self._moving = self._moving, False
        return moved


def _status(path: Path) -> _Status:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
