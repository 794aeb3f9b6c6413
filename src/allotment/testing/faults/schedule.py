"""The schedule of a soak: which faults come when, from a seed and nothing else. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What is done to a running fleet."""

    WORKER = "kill a worker"
    CHILD = "kill a pool process"
    SUPERVISOR = "kill the supervisor and start another"
    KEEPER = "kill the keeper of the embedded broker"
    BROKER_KILLED = "kill the broker and start it again"
    BROKER_STOPPED = "stop the broker and start it again"
    CUT = "reset every connection"
    STALL = "hold every byte up for a while"


_WEIGHTS: Final = {
    Fault.WORKER: 6, Fault.CHILD: 6, Fault.SUPERVISOR: 1, Fault.KEEPER: 1,
    Fault.BROKER_KILLED: 1, Fault.BROKER_STOPPED: 1, Fault.CUT: 3, Fault.STALL: 2,
}  # fmt: skip
_SOONEST, _LATEST = 6.0, 16.0
"""Seconds between one fault and the next."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault to come: seconds after the beginning, what it is, and a number by which its victim is chosen."""

    at: float
    fault: Fault
    victim: int


def schedule(seed: int, seconds: float, possible: Sequence[Fault]) -> tuple[Planned, ...]:
    """Give the faults of a soak of so many seconds: the same for the same arguments."""
    chooser = random.Random(seed)  # noqa: S311 - it must be the same each time
    weights = [_WEIGHTS[fault] for fault in possible]
    found: list[Planned] = []
    at = chooser.uniform(_SOONEST, _LATEST)
    while at < seconds - _SOONEST:
        (fault,) = chooser.choices(possible, weights)
        found.append(Planned(round(at, 2), fault, chooser.randrange(1000)))
        at += chooser.uniform(_SOONEST, _LATEST)
    return tuple(found)
