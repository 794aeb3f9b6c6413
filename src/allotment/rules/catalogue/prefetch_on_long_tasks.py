"""A worker takes several long tasks ahead, which then wait for it while other workers are idle."""

from collections.abc import Iterator

from allotment.model.kind import Kind
from allotment.model.profile import Profile
from allotment.model.quantities import show_duration
from allotment.rules.rule import Confidence, Edit, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

LONG = 1800.0
"""Seconds from which on a limit says that tasks are long: half an hour."""
CELERYS_DEFAULT = 4
"""`worker_prefetch_multiplier` where nobody sets it (`celery/app/defaults.py`)."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find profiles for long or heavy work that take more than one message ahead for each place in their pool."""
    for profile in subject.placed:
        if profile.preset and not any(
            subject.written("profiles", profile.name, key) for key in ("prefetch", "time_limit")
        ):
            continue  # the figures of a preset fit each other
        ahead = profile.prefetch or subject.value("worker_prefetch_multiplier") or CELERYS_DEFAULT
        why = _why_long(subject, profile)
        if ahead > 1 and why:
            yield Finding(
                f"each worker of profile {profile.name!r} takes {ahead} messages ahead for each task it runs",
                "set prefetch: 1",
                (Label(subject.of_profile(profile.name, "prefetch"), f"{ahead} for each place in the pool"), why),
                (Edit(("profiles", profile.name, "prefetch"), "1"),),
            )


def _why_long(subject: Subject, profile: Profile) -> Label | None:
    if subject.kind_of_profile(profile) in {Kind.CPU, Kind.MEMORY}:
        return Label(("profiles", profile.name), "its work is heavy")
    if profile.time_limit is not None and profile.time_limit >= LONG:
        path = subject.of_profile(profile.name, "time_limit")
        return Label(path, f"its tasks may run {show_duration(profile.time_limit)}")
    return None
