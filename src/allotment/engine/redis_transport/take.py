"""What a channel asks the server for when it takes a message."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Take:
    """A take that is not answered: its tag, the queues and how notes on their messages end, and the script's input."""

    tag: str
    queues: tuple[str, ...]
    endings: tuple[str, ...]
    keys: tuple[str, ...]
    arguments: tuple[Any, ...]

    def queue_at(self, place: int) -> str:
        """Give the queue of one of the lists, counted from 0."""
        return self.queues[place % len(self.queues)]

    def notes(self, place: int) -> bool:
        """Say whether what is taken from one of the lists is noted until it is acknowledged."""
        return bool(self.endings[place % len(self.queues)])
