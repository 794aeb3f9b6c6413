"""What a case of the fault matrix is, and where the cases are found."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from allotment.testing.faults.scene import Scene

EVERY: Final = ("rabbitmq-quorum", "rabbitmq-classic", "redis", "valkey", "embedded")
RABBIT: Final = ("rabbitmq-quorum", "rabbitmq-classic")
REDIS: Final = ("redis", "valkey", "embedded")
NETWORK: Final = ("rabbitmq-quorum", "rabbitmq-classic", "redis", "valkey")
"""The brokers that are reached over a network."""


class Skipped(Exception):
    """The case cannot be run here; the text says why."""


@dataclass(frozen=True)
class Case:
    """One fault or input: its number in the matrix, what it is in a few words, and how it is brought about.

    `run` brings the fault about in a scene, says there that it landed, and heals it. `brokers` are those it makes
    sense on, `short` those on which the short form runs it. `alone`: it needs a fleet of its own, because it restarts
    or leaves one that is not as before. `supervised`: it is about `allot up`, so there is no plain form of it.
    `elsewhere` says where it is tested, or that it is not built; then it is not run.
    """

    number: str
    title: str
    run: "Callable[[Scene], None]"
    brokers: tuple[str, ...] = EVERY
    short: tuple[str, ...] = ()
    alone: bool = False
    supervised: bool = False
    grace: float = 20.0
    elsewhere: str | None = None

    @property
    def order(self) -> tuple[int, str]:
        """Where it comes in the matrix."""
        digits = "".join(sign for sign in self.number if sign.isdigit())
        return int(digits or 0), self.number


@cache
def cases() -> tuple[Case, ...]:
    """Give every case of the folder, in the order of the matrix."""
    return tuple(sorted(_found(), key=lambda case: case.order))


def _found() -> Iterator[Case]:
    package = importlib.import_module("allotment.testing.faults.cases")
    for module in pkgutil.iter_modules(package.__path__):
        yield from importlib.import_module(f"{package.__name__}.{module.name}").CASES
