"""Messages that may have been taken while the answer got lost: the server did its part and the connection broke.

Such a message would come back only after the visibility timeout. The tag under which it was to be noted is known, so
this process looks for it when it is connected again, also for a while after: the command may lie unread with a server
that stood still.
"""

import time
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 300.0
"""Seconds for which a tag is looked for."""
PAUSE = 1.0
"""Seconds between two looks."""


@dataclass(slots=True)
class Doubts:
    """The tags in doubt at one server, with the time until which each is looked for."""

    tags: dict[str, float] = field(default_factory=dict)
    next_look: float = 0.0

    def add(self, tag: str) -> None:
        """Look for a tag from now on."""
        self.tags[tag] = time.monotonic() + PATIENCE

    def settle(self, qos: Any) -> None:
        """Put back, as if it had never been taken, what is found. Raises what redis-py raises."""
        now = time.monotonic()
        if not self.tags or now < self.next_look:
            return
        self.next_look = now + PAUSE
        for tag, until in list(self.tags.items()):
            if qos.put_back(tag, counted=False) or now > until:
                self.tags.pop(tag, None)


_doubts: dict[tuple[Any, ...], Doubts] = {}


def doubts_at(server: tuple[Any, ...]) -> Doubts:
    """Give the doubts of this process at a server, which outlive the connections to it."""
    return _doubts.setdefault(server, Doubts())
