"""Tasks are acknowledged late, and all the same are lost where the process that runs them is killed."""

from collections.abc import Iterator

from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_MOST_LABELS = 4
"""How many entries are pointed at; the message counts the rest."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find tasks with `acks_late` and neither `reject_on_worker_lost` nor `retry_on_worker_lost`, in prefork pools."""
    lost = [task for task in subject.acknowledged_late if not subject.repeated_when_killed(task)]
    if not lost:
        return
    entries = list(dict.fromkeys(subject.of_task(task) for task in lost))
    labels = [Label(path, "its tasks are lost with their process") for path in entries[:_MOST_LABELS]]
    setting = subject.setting("task_acks_late")
    if setting is not None and setting.value:
        labels.append(Label(setting.path or ("app",), "the promise that is not kept"))
    yield Finding(
        f"{a_few([task.name for task in lost])} would be lost where a pool process is killed: acks_late is on,"
        " reject_on_worker_lost is not",
        "write delivery: at-least-once in their entries under tasks:, which sets both; they must be safe to repeat",
        tuple(labels),
    )
