"""The lengths that queues may have, as they were declared, and what a producer is told when one is reached."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allotment.errors import QueueFull
from allotment.model.names import DEAD_QUEUE
from allotment.model.queue import DeadLetters

DROPPED_KEY = "allotment:dropped"
"""The hash that counts, for each queue, the messages that were dropped to make room."""

DEAD_LETTERS_OPTION = "dead_letters_max_length"
"""The transport option that says how many messages `allotment.dead` takes, where that is not what is usual."""

_LANE = re.compile(r"[:@]")
"""What separates a queue's name from the rest of a lane's; no queue's name holds them (`model/names.py`)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many messages may wait in a queue over all its priorities, and whether the oldest make room for more."""

    max_length: int
    drops: bool = False


class Limits:
    """The limits of the queues declared over one connection. A queue that says none has none, but `allotment.dead`.

    `options` are the transport's.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._limits = {DEAD_QUEUE: Limit(options.get(DEAD_LETTERS_OPTION, DeadLetters().max_length))}

    def declare(self, queue: str, arguments: Mapping[str, Any] | None) -> None:
        """Note a queue's arguments, by RabbitMQ's names; one that says no length keeps what was said before."""
        length = (arguments or {}).get("x-max-length")
        if isinstance(length, int):
            # what is not said otherwise drops, as at RabbitMQ (its docs, "Queue Length Limit")
            self._limits[queue] = Limit(length, drops=(arguments or {}).get("x-overflow", "drop-head") == "drop-head")

    def of(self, queue: str) -> Limit | None:
        """Give a queue's limit; None: it has none."""
        return self._limits.get(queue)


def queue_full(queue: str, limit: Limit, waiting: int) -> QueueFull:
    """Make the error for a message that a queue did not take, in the words of the file."""
    name = _LANE.split(queue, maxsplit=1)[0]
    lane = f" (its lane {queue!r})" if name != queue else ""
    if queue == DEAD_QUEUE:
        hint = "replay or purge what is there with `allot dead`, or raise `dead_letters: {max_length: N}`"
    else:
        hint = f"send again once its workers have caught up, or raise queues.{name}.max_length"
    return QueueFull(
        f"the queue {name!r}{lane} is full: {waiting} messages wait there, and its limit is {limit.max_length}",
        queue=name,
        hint=hint,
    )
