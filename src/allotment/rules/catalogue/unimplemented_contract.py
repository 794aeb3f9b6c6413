"""A profile includes a contract that has no code."""

from collections.abc import Iterator

from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH


def check(subject: Subject) -> Iterator[Finding]:
    """Find profiles whose workers would refuse to start, as the app defines a contract and binds nothing to it."""
    for profile in subject.model.profiles.values():
        for task, placeholder in subject.placeholders.items():
            if not placeholder.included_by(profile, task):
                continue
            key = "queues" if profile.tasks is None else "tasks"
            path = ("profiles", profile.name, *((key,) if subject.written("profiles", profile.name, key) else ()))
            yield Finding(
                f"{profile.name!r} includes the contract {task!r}, which has no code here: its workers will not start",
                f"{placeholder.hint}; or leave it out, with exclude_tasks: [{task}]",
                (Label(path, "this includes it"),),
            )
