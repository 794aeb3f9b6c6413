"""A worker takes several long tasks ahead, which then wait for it while other workers are idle."""

from collections.abc import Iterator
from math import inf

from allotment.model.kind import Kind
from allotment.model.profile import Profile
from allotment.model.quantities import show_duration
from allotment.rules.figures import more_than_none
from allotment.rules.rule import Confidence, Edit, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

LONG = 1800.0
"""Seconds from which on a limit says that tasks are long: half an hour."""
SHORT = 300.0
"""Seconds up to which it says that they are short, whatever a name tells: five minutes."""
MANY = 4
"""As many messages, where somebody wrote so, are too many for tasks whose own names tell heavy work."""
HEAVY = frozenset({Kind.CPU, Kind.MEMORY})
"""The kinds of work whose tasks keep a process busy."""
CELERYS_DEFAULT = 4
"""`worker_prefetch_multiplier` where nobody sets it (`celery/app/defaults.py`)."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find profiles for long or heavy work that take more than one message ahead for each place in their pool."""
    for profile in subject.placed:
        if profile.preset and not any(
            subject.written("profiles", profile.name, key) for key in ("prefetch", "time_limit")
        ):
            continue  # the figures of a preset fit each other
        said = profile.prefetch or subject.number("worker_prefetch_multiplier")
        ahead = CELERYS_DEFAULT if said is None else said or inf
        if ahead <= 1 or _is_short(subject, profile):
            continue
        why = _why_long(subject, profile)
        guess = None if why or said is None or ahead < MANY else _why_heavy(subject, profile)
        if label := why or guess:
            edit = Edit(("profiles", profile.name, "prefetch"), "1")
            yield _finding(subject, profile, ahead, label, (edit,) if why else ())


def _finding(subject: Subject, profile: Profile, ahead: float, why: Label, edits: tuple[Edit, ...]) -> Finding:
    many = "as many messages as there are" if ahead == inf else f"{ahead:g} messages ahead for each task it runs"
    each = "no bound" if ahead == inf else f"{ahead:g} for each place in the pool"
    return Finding(
        f"each worker of profile {profile.name!r} takes {many}",
        "set prefetch: 1",
        (Label(subject.of_profile(profile.name, "prefetch"), each), why),
        edits,
    )


def _is_short(subject: Subject, profile: Profile) -> bool:
    """Say whether all that the profile runs is known to be killed after five minutes or less."""
    hard = [run.limits.hard for run in subject.runs_by_profile.get(profile.name, ())]
    limits = hard or [profile.time_limit or more_than_none(subject.value("task_time_limit"))]
    return all(limit is not None and limit <= SHORT for limit in limits)


def _why_heavy(subject: Subject, profile: Profile) -> Label | None:
    """Give the first of the tasks whose own names tell heavy work, where most do; None where a limit says otherwise."""
    heavy = subject.tasks_of_kinds(profile, HEAVY)
    hard = [subject.limits(task, profile).hard for task in heavy]
    if not heavy or any(limit is not None and limit < LONG for limit in hard):
        return None
    return Label(subject.of_task(heavy[0]), f"{heavy[0].name} is heavy, by its name")


def _why_long(subject: Subject, profile: Profile) -> Label | None:
    if subject.kind_of_profile(profile) in HEAVY:
        return Label(("profiles", profile.name), "its work is heavy")
    if profile.time_limit is not None and profile.time_limit >= LONG:
        path = subject.of_profile(profile.name, "time_limit")
        return Label(path, f"its tasks may run {show_duration(profile.time_limit)}")
    return None
