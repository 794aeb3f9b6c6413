"""What came of a case."""

from collections.abc import Iterable
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
    """The fault did not land, or nothing was sent, so nothing was shown."""
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


def not_seen(verdict: Verdict, landed: tuple[str, ...], missed: tuple[str, ...]) -> tuple[str, ...]:
    """Say what was not seen and must be for a case to show anything: of the fault, and of what was sent."""
    fault = () if landed or missed else ("the fault",)
    sent = () if verdict.confirmed else ("a message that the broker confirmed",)
    return (*missed, *fault, *sent)


def status_of(verdict: Verdict, checks: tuple[Check, ...], unseen: tuple[str, ...]) -> Status:
    """Say what a case came to; `unseen` is what `not_seen` gives.

    Broken goes before missed: what broke did so whether or not the fault landed.
    """
    if not verdict.holds or any(not check.holds for check in checks):
        return Status.BROKEN
    return Status.MISSED if unseen else Status.KEPT


def all_kept(outcomes: Iterable[Outcome]) -> bool:
    """Say whether something was run, and all of it was kept; what was skipped shows nothing either way."""
    ran = [outcome.status for outcome in outcomes if outcome.status is not Status.SKIPPED]
    return bool(ran) and all(status is Status.KEPT for status in ran)
