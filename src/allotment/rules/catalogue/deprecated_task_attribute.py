"""Tasks say themselves where they are sent, by attributes that Celery 6 leaves without effect."""

from collections.abc import Iterator

from allotment.plan.routing import PlannedTask
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

DEPRECATED = ("queue", "exchange", "exchange_type", "routing_key", "delivery_mode", "priority")
"""The attributes that `bind` warns of (`celery/app/task.py`)."""
ROUTING = frozenset({"queue", "exchange", "exchange_type", "routing_key"})
"""Those of them that an entry's `queue:` stands in for."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find tasks of the app with such attributes, those with the same ones together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, task in subject.plan.known.items():
        said = tuple(attribute for attribute in DEPRECATED if attribute in task.attributes)
        if said:
            groups.setdefault(said, []).append(name)
    for attributes, names in groups.items():
        first = subject.plan.tasks[names[0]]
        written = " and ".join(f"{attribute}=" for attribute in attributes)
        yield Finding(
            f"{a_few(names)} {'set' if len(names) > 1 else 'sets'} {written} on the task itself, which Celery 6 leaves"
            " without effect",
            f"take {written} out of the code; {_instead(first, attributes, len(names))}",
            (Label(subject.of_task(first), f"{first.name} is sent to {first.queue or 'no queue'}"),),
        )


def _instead(task: PlannedTask, attributes: tuple[str, ...], tasks: int) -> str:
    if not ROUTING.intersection(attributes):
        return f"give {' and '.join(attributes)} in the calls that need it"
    if task.entry and task.entry.queue:
        return "entries under tasks: say the queue already"
    others = ", and so for the others" if tasks > 1 else ""
    return f"write {task.name}: {{queue: {task.queue or 'QUEUE'}}} under tasks:{others}"
