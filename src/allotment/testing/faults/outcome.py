"""What came of a case."""

from dataclasses import dataclass
from enum import StrEnum

from allotment.testing.faults.oracle import Verdict


class Status(StrEnum):
    """How a case ended."""

    KEPT = "kept"
    """The fault landed, and every promise was kept."""
    BROKEN = "broken"
    """A promise was broken, or what must be seen was not."""
    MISSED = "missed"
    """The fault did not land, so nothing was shown."""
    SKIPPED = "skipped"
    """It was not run; the reason is said."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be seen, what was seen, and whether it holds."""

    what: str
    seen: str
    holds: bool


@dataclass(frozen=True)
class Outcome:
    """A case on a broker: what it came to, and why.

    `landed` says what was seen of the fault itself, `seconds` how long it took from the fault until everything sent
    had been done; `note` is the reason of what was skipped, missed or went wrong in the harness.
    """

    number: str
    title: str
    broker: str
    status: Status
    verdict: Verdict | None = None
    checks: tuple[Check, ...] = ()
    landed: tuple[str, ...] = ()
    seconds: float | None = None
    note: str = ""
    plain: "Outcome | None" = None

    @property
    def passed(self) -> bool:
        """Whether it may count as passed, or was not run at all."""
        return self.status in {Status.KEPT, Status.SKIPPED}


def status_of(
    verdict: Verdict, checks: tuple[Check, ...], landed: tuple[str, ...], missed: tuple[str, ...] = ()
) -> Status:
    """Say what a case came to, by what was seen of the fault and what of it was not.

    Broken goes before missed: what broke did so whether or not the fault landed.
    """
    if not verdict.holds or any(not check.holds for check in checks):
        return Status.BROKEN
    return Status.KEPT if landed and not missed else Status.MISSED
