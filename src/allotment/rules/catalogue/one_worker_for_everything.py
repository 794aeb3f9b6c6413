"""One profile alone runs every task, of whatever kind, so each kind waits for the others."""

from collections.abc import Iterator

from allotment.model.kind import Kind
from allotment.model.profile import Profile
from allotment.plan.routing import PlannedTask
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

FEW = 5
"""Fewer tasks than these may well share a worker."""
FEW_CORES = 2
"""As many cores have no room for a worker of each kind."""
FOR_ALL = "mixed"
"""The preset whose figures are for work of every kind."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find the one profile that runs all known tasks, of two kinds; `mixed-kinds` tells where its queues are too."""
    profile = _runs_all(subject)
    if profile is None or profile.preset == FOR_ALL or len(subject.plan.tasks) < FEW or _is_small(subject):
        return
    if len({kind for queue in profile.queues if (kind := subject.kind_of_queue(queue))}) > 1:
        return
    examples = _examples(subject)
    if len(examples) > 1:
        told = " and ".join(f"{task.name!r} is {kind} work" for kind, task in examples.items())
        path = subject.of_profile(profile.name, "queues")
        entries = {subject.of_task(task): f"{kind} work" for kind, task in examples.items() if task.entry}
        yield Finding(
            f"profile {profile.name!r} alone runs all {len(subject.plan.tasks)} tasks, of different kinds: {told}",
            "give each kind a queue and a profile: presets cpu, io and memory have both, and route_by_resource: or"
            " tasks: sends the tasks there",
            (Label(path, "every task comes here"), *(Label(place, text) for place, text in entries.items())),
        )


def _is_small(subject: Subject) -> bool:
    """Say whether the nodes all say their cores, and have few."""
    cores = [node.cpu for node in subject.model.nodes.values()]
    return all(cores) and sum(one or 0 for one in cores) <= FEW_CORES


def _runs_all(subject: Subject) -> Profile | None:
    """Give the profile that alone runs every known task and consumes every queue that is consumed."""
    able = 0
    for task in subject.plan.tasks.values():
        if task.queue is not None:
            able |= task.able & subject.plan.queues[task.queue].consumers
    names = subject.plan.capability.names(able)
    if len(names) != 1:
        return None
    profile = subject.model.profiles[names[0]]
    return profile if all(set(one.queues) <= set(profile.queues) for one in subject.placed) else None


def _examples(subject: Subject) -> dict[Kind, PlannedTask]:
    """Give the first task of each kind, by the words of its name where they tell one, else by its queue's."""
    found: dict[Kind, PlannedTask] = {}
    for task in subject.plan.tasks.values():
        told = subject.kinds_of_task(task.name)
        kind = next(iter(told)) if len(told) == 1 else None
        if not told and task.queue is not None:
            kind = subject.kind_of_queue(task.queue)
        if kind is not None:
            found.setdefault(kind, task)
    return found
