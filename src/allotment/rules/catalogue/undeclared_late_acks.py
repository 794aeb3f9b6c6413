"""Tasks are run again where their worker dies, and nobody has said that this is safe."""

from collections.abc import Iterator

from allotment.plan.routing import PlannedTask
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

_MOST_LABELS = 4
"""How many entries are pointed at; the message counts the rest."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find tasks acknowledged late whose entry does not say `delivery:`.

    Those that are lost where their process is killed are left to `late-acks-without-reject`.
    """
    repeated = [task for task in subject.acknowledged_late if subject.repeated_when_killed(task)]
    for tasks, what in (
        ([task for task in repeated if not _by_itself(subject, task)], "task_acks_late is on"),
        ([task for task in repeated if _by_itself(subject, task)], "acks_late=True is set on them"),
    ):
        if tasks:
            yield _finding(subject, tasks, what)


def _by_itself(subject: Subject, task: PlannedTask) -> bool:
    return bool(subject.own(task).get("acks_late"))


def _finding(subject: Subject, tasks: list[PlannedTask], what: str) -> Finding:
    entries = list(dict.fromkeys(subject.of_task(task) for task in tasks))
    labels = [Label(path, "it does not say delivery:") for path in entries[:_MOST_LABELS]]
    setting = subject.setting("task_acks_late")
    if setting is not None and not _by_itself(subject, tasks[0]):
        labels.append(Label(setting.path or ("app",), "a message stays until its task is done"))
    return Finding(
        f"{a_few([task.name for task in tasks])} may run twice: {what}, and no entry says that this is safe",
        "write delivery: at-least-once in their entries under tasks: if it is, else delivery: at-most-once",
        tuple(labels),
    )
