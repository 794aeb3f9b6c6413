"""A task has to stay in its zone, and a zone has no worker for it."""

from collections.abc import Iterator

from allotment.model.patterns import sample
from allotment.model.quantities import counted
from allotment.model.task import TaskEntry, ZoneRule
from allotment.plan.capability import ProfileSet
from allotment.plan.routing import PlannedTask
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

_SHOWN = 3
"""As many zones are pointed at."""
_ANY = "\0"
"""Stands for what a `*` matches: text that no other name holds."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find tasks with `zone: same` that cannot be sent from some zone; those that the same workers run together."""
    entries = [entry for entry in subject.model.entries if entry.zone is ZoneRule.SAME]
    if entries and not subject.plan.zones:
        yield _without_zones(subject, entries)
    elif entries:
        for able, tasks in _cases(subject, entries).items():
            missing = [zone for zone, placed in subject.plan.zones.items() if not able & placed]
            if missing:
                yield _missing(subject, able, tasks, missing)


def _without_zones(subject: Subject, entries: list[TaskEntry]) -> Finding:
    others = f" and {counted(len(entries) - 1, 'other')}" if len(entries) > 1 else ""
    labels = [Label(("tasks", entries[0].key, "zone"), "there is no zone to stay in")]
    labels += (Label(("nodes", node), "says no zone") for node in subject.model.nodes if subject.written("nodes", node))
    return Finding(
        f"{entries[0].key!r}{others} must stay in the zone, and no node says its zone",
        "give each node its zone: as zone: eu-1, or remove zone: same",
        tuple(labels[: _SHOWN + 1]),
    )


def _cases(subject: Subject, entries: list[TaskEntry]) -> dict[ProfileSet, list[PlannedTask]]:
    """Give the tasks that stay by the profiles that take them; without an app, patterns stand for their tasks."""
    tasks = [task for task in subject.plan.tasks.values() if task.stays_in_zone]
    if subject.app is None:
        covered = {task.entry.key for task in tasks if task.entry}
        stand_ins = (subject.plan.look_up(sample(entry.key, _ANY)) for entry in entries if entry.key not in covered)
        tasks += (task for task in stand_ins if task.stays_in_zone)
    found: dict[ProfileSet, list[PlannedTask]] = {}
    for task in tasks:
        able = task.able & subject.plan.queues[task.queue].consumers if task.queue is not None else 0
        if able:
            found.setdefault(able, []).append(task)
    return found


def _missing(subject: Subject, able: ProfileSet, tasks: list[PlannedTask], missing: list[str]) -> Finding:
    path = subject.of_task(tasks[0])
    others = f" and {counted(len(tasks) - 1, 'other task')}" if len(tasks) > 1 else ""
    profile = subject.plan.capability.names(able)[0]
    nodes: dict[str | None, str] = {}
    for node in subject.model.nodes.values():
        nodes.setdefault(node.zone, node.name)
    name = tasks[0].name if tasks[0].name in subject.plan.tasks else path[-1]
    return Finding(
        f"{name!r}{others} must stay in the zone, and no worker in {a_few(missing)} can run it:"
        " what is sent from there is refused",
        f"run a worker of profile {profile!r} on a node in {missing[0]!r}, or remove zone: same",
        (
            Label((*path, "zone"), "from every zone"),
            *(Label(("nodes", nodes[zone], "zone"), "no worker here can run it") for zone in missing[:_SHOWN]),
        ),
    )
