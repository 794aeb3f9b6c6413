"""One worker consumes queues of different kinds of work, and its pool and limits suit one of them at most."""

from collections.abc import Iterator

from allotment.model.kind import Kind
from allotment.model.profile import Profile
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

FOR_ALL = "mixed"
"""The preset whose figures are for work of every kind."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find profiles whose lists of queues name some of two kinds; queues whose names tell none do not count."""
    for profile in subject.placed:
        if profile.preset == FOR_ALL or not subject.written("profiles", profile.name, "queues"):
            continue
        first = _first_of_each(subject, profile)
        if len(first) > 1:
            named = " and ".join(f"{queue!r} ({kind})" for kind, queue in first.items())
            kind, queue = list(first.items())[-1]
            yield Finding(
                f"profile {profile.name!r} consumes queues of {len(first)} kinds of work: {named}",
                f"give {queue!r} a profile of its own, with preset: {kind}",
                tuple(Label(subject.of_consumer(profile, one), f"{kind} work") for kind, one in first.items()),
            )


def _first_of_each(subject: Subject, profile: Profile) -> dict[Kind, str]:
    """Give the first queue of each kind that the names of a profile's queues tell."""
    found: dict[Kind, str] = {}
    for queue in profile.queues:
        kind = subject.kind_of_queue(queue)
        if kind is not None:
            found.setdefault(kind, queue)
    return found
