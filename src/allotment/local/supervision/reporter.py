"""Who is told what happens to the workers."""

from collections.abc import Sequence
from typing import Protocol


class Reporter(Protocol):
    """Is told what happens; `name` is the worker's."""

    def line(self, name: str, text: str) -> None:
        """A line the worker printed."""

    def started(self, name: str, pid: int) -> None:
        """A process was started."""

    def ready(self, name: str) -> None:
        """The worker consumes."""

    def ended(self, name: str, code: int) -> None:
        """The process ended; a negative code is a signal's number."""

    def again(self, name: str, delay: float, failures: int, last_lines: Sequence[str]) -> None:
        """It will be started again after so many seconds, having ended so often in a row."""

    def given_up(self, name: str, code: int, last_lines: Sequence[str]) -> None:
        """It will not be started again."""

    def restarting(self, name: str, reason: str) -> None:
        """It runs, does not do its work, and is started again."""

    def draining(self, name: str) -> None:
        """It is to follow another plan, or is not wanted any more: it takes nothing more, and ends."""

    def warning(self, text: str) -> None:
        """Something is not as it should be, and the workers run on."""
