"""Short tasks share a queue and its workers with long ones, and wait behind them."""

from collections.abc import Iterator
from typing import NamedTuple

from allotment.model.quantities import show_duration
from allotment.rules.limits import Run
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

SHORT = 300.0
"""Seconds up to which a limit says that a task is short: five minutes."""
LONG = 1800.0
"""Seconds from which on it says that a task is long: half an hour."""
TIMES = 10
"""How many times as long as the short one the long one has to be."""


class _Case(NamedTuple):
    """A limit, a task for which it holds on a profile's workers, and where it is said."""

    limit: float
    task: str
    path: Path


def check(subject: Subject) -> Iterator[Finding]:
    """Find queues with short and long limits that hold for tasks on the same workers; one finding a queue."""
    for queue, by_profile in _cases(subject).items():
        for profile, cases in by_profile.items():
            short, long = min(cases, key=_limit), max(cases, key=_limit)
            if short.limit <= SHORT and long.limit >= max(LONG, TIMES * short.limit):
                yield _finding(queue, profile, short, long)
                break


def _limit(case: _Case) -> float:
    return case.limit


def _cases(subject: Subject) -> dict[str, dict[str, list[_Case]]]:
    """Give the limits that hold in each queue on the workers of each profile."""
    found: dict[str, dict[str, list[_Case]]] = {}
    for run in subject.runs:
        if run.limits.hard is not None:
            case = _Case(run.limits.hard, run.tasks[0].name, _place(subject, run))
            found.setdefault(run.queue, {}).setdefault(run.profile.name, []).append(case)
    return found


def _place(subject: Subject, run: Run) -> Path:
    """Give the place that says a limit; the queue's where it is the app that does."""
    if run.limits.hard_path[0] == "tasks" or run.profile.time_limit == run.limits.hard:
        return run.limits.hard_path
    return subject.of_queue(run.queue)


def _finding(queue: str, profile: str, short: _Case, long: _Case) -> Finding:
    places = {
        long.path: f"{long.task} may take {show_duration(long.limit)}",
        short.path: f"{short.task} at most {show_duration(short.limit)}",
    }
    places.setdefault(("profiles", profile), "its workers run both")
    return Finding(
        f"the queue {queue!r} takes tasks of at most {show_duration(short.limit)}, as {short.task!r}, and of up to"
        f" {show_duration(long.limit)}, as {long.task!r}, and the workers of profile {profile!r} run both",
        f"give the long ones a queue of their own, as queue: {queue}_long for {long.task}, and a profile for it",
        tuple(Label(path, text) for path, text in places.items()),
    )
