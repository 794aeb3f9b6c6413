"""A task may run for ever, and a worker that waits for it does nothing else."""

from collections.abc import Iterator

from allotment.model.patterns import is_pattern
from allotment.model.profile import Pool, Profile
from allotment.model.quantities import counted
from allotment.plan.routing import PlannedTask
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH


def check(subject: Subject) -> Iterator[Finding]:
    """Find profiles whose workers run tasks without a hard limit; a solo pool has none that could be missing."""
    found: dict[str, tuple[Profile, list[PlannedTask]]] = {}
    for run in subject.runs_and_patterns:
        if run.limits.hard is None and run.profile.pool is not Pool.SOLO:
            found.setdefault(run.profile.name, (run.profile, []))[1].extend(run.tasks)
    for profile, tasks in found.values():
        yield _finding(subject, profile, tasks)


def _finding(subject: Subject, profile: Profile, tasks: list[PlannedTask]) -> Finding:
    labels = [Label(subject.of_profile(profile.name, "time_limit"), "no time_limit")]
    entry = next((task for task in tasks if task.entry), None)
    if entry:
        labels.append(Label(subject.of_task(entry), "nor here"))
    names = [task.name for task in tasks]
    how_many = "tasks" if any(map(is_pattern, names)) else counted(len(names), "task")
    return Finding(
        f"workers of profile {profile.name!r} run {how_many} without a time limit: {a_few(names)}",
        "add time_limit: to the profile, longer than any of its tasks takes: as time_limit: 10m",
        tuple(labels),
    )
