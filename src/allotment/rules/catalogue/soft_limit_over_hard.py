"""A task is killed before its soft limit could tell it to stop."""

from collections.abc import Iterator

from allotment.model.profile import Pool
from allotment.model.quantities import show_duration
from allotment.rules.limits import Limits, Run, SaidBy
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

HAVE_SOFT = {Pool.PREFORK, Pool.THREADS, Pool.IO}
"""The pools that keep soft limits; `ignored-limits` tells of the others."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find tasks with one limit said here and the other there, of which the soft one is not the shorter.

    A hard limit of the task alone may well come before a soft one that is said for all. One finding for the same two
    limits said at the same two places.
    """
    found: dict[tuple[str, Label, Label], list[Run]] = {}
    for run in subject.runs:
        soft, hard = run.limits.soft, run.limits.hard
        if soft is None or hard is None or run.profile.pool not in HAVE_SOFT:
            continue
        if soft >= hard and _is_meant(run.limits):
            labels = (_said(subject, run, "soft_time_limit", soft), _said(subject, run, "time_limit", hard))
            found.setdefault((run.profile.name, *labels), []).append(run)
    for (profile, said_soft, said_hard), runs in found.items():
        tasks = [task.name for run in runs for task in run.tasks]
        told, killed = show_duration(runs[0].limits.soft or 0), show_duration(runs[0].limits.hard or 0)
        yield Finding(
            f"on workers of profile {profile!r}, {a_few(tasks)} would be told to stop after {told}, and killed after"
            f" {killed} already",
            f"make the soft limit shorter than {killed}, or the hard one longer than {told}",
            (said_soft, said_hard),
        )


def _is_meant(limits: Limits) -> bool:
    """Say whether the soft limit is said of no more tasks than the hard one: of the task, of a worker's, of all."""
    own = SaidBy.APP
    return min(limits.soft_by or SaidBy.SETTINGS, own) >= min(limits.hard_by or SaidBy.SETTINGS, own)


def _said(subject: Subject, run: Run, key: str, seconds: float) -> Label:
    """Say who gives a limit: the task's entry, the app for the task, the profile, or Celery's settings."""
    task, what = run.tasks[0], f"{show_duration(seconds)} {'at most' if key == 'time_limit' else 'until it is told'}"
    by = run.limits.hard_by if key == "time_limit" else run.limits.soft_by
    if task.entry and by is SaidBy.ENTRY:
        return Label(("tasks", task.entry.key, key), what)
    if by is SaidBy.APP:
        return Label(("app",), f"{what}, the app says of the task")
    if by is SaidBy.PROFILE:
        return Label(subject.of_profile(run.profile.name, key), what)
    setting = subject.setting(f"task_{key}")
    path = setting.path if setting else None
    return Label(path or ("app",), what if path else f"{what}, the app's task_{key} says")
