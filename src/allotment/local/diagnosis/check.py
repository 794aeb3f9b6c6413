"""What one step of a diagnosis found."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Status(StrEnum):
    """How a check came out; only `failed` makes the diagnosis a bad one."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """There is no way to find out from here."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, and where it is not as it should be, why and what to try.

    `group` says of what: here, broker, results or node. No text of it holds a secret.
    """

    name: str
    status: Status
    detail: str
    cause: str | None = None
    remedy: str | None = None
    milliseconds: float | None = None
    group: str = ""

    @property
    def failed(self) -> bool:
        """Whether the steps after this one make no sense."""
        return self.status is Status.FAILED


def in_group(group: str, checks: Iterable[Check]) -> Iterator[Check]:
    """Give the checks with the group that they belong to."""
    return (replace(check, group=group) for check in checks)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Counts from when it was made."""

    began: float = field(default_factory=time.perf_counter)

    @property
    def milliseconds(self) -> float:
        """Milliseconds until now."""
        return (time.perf_counter() - self.began) * 1000
