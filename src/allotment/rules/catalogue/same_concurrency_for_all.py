"""Every worker has the same concurrency, though they do different kinds of work."""

from collections.abc import Iterator

from allotment.model.kind import Kind
from allotment.model.profile import Pool
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

FEWEST = 3
"""As many profiles must have the figure before it says that nobody chose it."""
ADVICE = {
    Kind.CPU: "no more than there are cores",
    Kind.IO: "many more, with pool: io",
    Kind.MEMORY: "as few as the memory holds",
}


def check(subject: Subject) -> Iterator[Finding]:
    """Find fleets all of whose profiles have the same figure written, over one, and which are for two kinds at least.

    A solo pool runs one task at once, whatever is written.
    """
    profiles = [profile for profile in subject.placed if profile.pool is not Pool.SOLO]
    figures = {profile.concurrency for profile in profiles}
    if len(profiles) < FEWEST or len(figures) > 1 or figures == {1}:
        return
    if not all(subject.written("profiles", profile.name, "concurrency") for profile in profiles):
        return
    kinds = {profile.name: kind for profile in profiles if (kind := subject.kind_of_profile(profile))}
    if len(set(kinds.values())) > 1:
        figure = figures.pop()
        told = ", ".join(f"{name!r} is for {kind} work" for name, kind in kinds.items())
        better = ", ".join(f"{kind}: {ADVICE[kind]}" for kind in Kind if kind in kinds.values())
        yield Finding(
            f"all {len(profiles)} profiles have concurrency: {figure}, whatever their work: {told}",
            f"give each what its work bears ({better})",
            tuple(Label(("profiles", name, "concurrency"), f"{kind} work") for name, kind in kinds.items()),
        )
