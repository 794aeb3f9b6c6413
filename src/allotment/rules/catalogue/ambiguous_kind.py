"""The words of a task's name tell two kinds of work, so routing by resource sends it to neither queue."""

from collections.abc import Iterator

from allotment.model.kind import ResourceRouting
from allotment.plan.routing import PlannedTask, Step
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM


def check(subject: Subject) -> Iterator[Finding]:
    """Find tasks that go to the default queue as their names tell two kinds; those of one entry and kinds together."""
    routing = subject.model.routing
    if routing is None:
        return
    cases: dict[tuple[object, ...], list[PlannedTask]] = {}
    for task in subject.plan.tasks.values():
        if task.step is Step.DEFAULT:
            kinds = subject.kinds_of_task(task.name)
            if len(kinds) > 1 and not routing.queues.keys().isdisjoint(kinds):
                cases.setdefault((task.entry and task.entry.key, *sorted(kinds)), []).append(task)
    for tasks in cases.values():
        yield _finding(subject, routing, tasks)


def _finding(subject: Subject, routing: ResourceRouting, tasks: list[PlannedTask]) -> Finding:
    task, *others = tasks
    too = f"; so it is with {a_few([other.name for other in others])}" if others else ""
    told = subject.kinds_of_task(task.name)
    words = " and ".join(f"{word!r} tells {kind}" for kind, word in told.items())
    queues = dict.fromkeys(routing.queues[kind] for kind in told if kind in routing.queues)
    labels = [Label(subject.of_task(task), f"says no queue for {task.name}")] if subject.written("tasks") else []
    labels += (
        Label(("route_by_resource", str(kind)), f"{told[kind]!r} leads here") for kind in told if kind in routing.queues
    )
    labels.append(Label(("default_queue",), "it goes here"))
    return Finding(
        f"{task.name!r} goes to {task.queue!r}, as its name tells two kinds of work: {words}{too}",
        f"say which it is under tasks: {task.name}: {' or '.join(f'{{queue: {queue}}}' for queue in queues)}",
        tuple(labels),
    )
