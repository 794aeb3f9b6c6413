"""A task is to be told apart by a parameter that it does not have, so its workers do not start."""

from collections.abc import Iterator

from allotment.plan.idempotency import unusable_key
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH


def check(subject: Subject) -> Iterator[Finding]:
    """Find keys of `idempotent:` that their tasks cannot have; one finding a task whose parameters are known."""
    for task in subject.plan.tasks.values():
        entry = task.entry
        if entry is None or entry.idempotent is None:
            continue
        unusable = unusable_key(entry.idempotent, task.name, subject.plan.known[task.name].parameters)
        if unusable is not None:
            yield Finding(
                f"{unusable.message}: no worker that registers it starts",
                unusable.remedy,
                (Label(_place(subject, entry.key), "the key"),),
            )


def _place(subject: Subject, entry: str) -> Path:
    path = ("tasks", entry, "idempotent")
    return (*path, "key") if subject.written(*path, "key") else path
