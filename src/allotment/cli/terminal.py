"""Whether the terminal that a process was started in is still there."""

import os


class Terminal:
    """The terminal of this process, if it had one when this was made."""

    def __init__(self) -> None:
        self._there = _controls()

    def has_gone(self) -> bool:
        """Say whether it has gone since it was last asked: a hang-up, after which the process has none."""
        gone = self._there and not _controls()
        self._there = self._there and not gone
        return gone


def _controls() -> bool:
    """Say whether this process has a controlling terminal (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
