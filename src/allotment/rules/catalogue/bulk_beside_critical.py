"""Every worker of a queue for urgent tasks consumes ordinary ones too, so urgent tasks wait behind them."""

from collections.abc import Iterator

from allotment.model.profile import Profile
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

_URGENT = {"critical", "urgent", "priority", "important", "realtime"}
_HIGH = "high"
_BESIDE_HIGH = {*_URGENT, "prio", "queue", "task", "tasks", "job", "jobs"}
"""The words before which `high` means urgent: `high_memory` says something else."""
_NOT = {"low", "lower", "lowest", "normal", "medium", "default", "non", "not", "no", "bulk", "background", "batch"}
"""Words with which the others do not mean it, as in `low_priority`."""
_SHOWN = 3
"""As many profiles are pointed at."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find queues with an urgent name for which no placed profile is kept."""
    urgent = {queue for queue in subject.model.queues if _is_urgent(queue)}
    for queue in subject.model.queues:
        if queue in urgent:
            consumers = subject.consumers_of(queue)
            beside = {profile.name: other for profile in consumers if (other := _ordinary(profile, urgent))}
            if consumers and len(beside) == len(consumers):
                yield _finding(subject, queue, beside)


def _is_urgent(queue: str) -> bool:
    words = queue.lower().replace("-", "_").replace(".", "_").split("_")
    if not _NOT.isdisjoint(words):
        return False
    after_high = words[words.index(_HIGH) + 1 :][:1] if _HIGH in words else None
    return not _URGENT.isdisjoint(words) or (after_high is not None and _BESIDE_HIGH.issuperset(after_high))


def _ordinary(profile: Profile, urgent: set[str]) -> str | None:
    return next((queue for queue in profile.queues if queue not in urgent), None)


def _places(subject: Subject, queue: str, beside: dict[str, str]) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for name, other in list(beside.items())[:_SHOWN]:
        profile = subject.model.profiles[name]
        found[subject.of_consumer(profile, queue)] = "urgent, by its name"
        found.setdefault(subject.of_consumer(profile, other), "taken by the same workers")
    return found


def _finding(subject: Subject, queue: str, beside: dict[str, str]) -> Finding:
    names, other = a_few(list(beside)), next(iter(beside.values()))
    return Finding(
        f"no worker is kept for the queue {queue!r}: each profile that consumes it, {names}, consumes ordinary queues"
        f" too, as {other!r}",
        f"add a profile with queues: [{queue}] alone, and run it on a node",
        tuple(Label(path, text) for path, text in _places(subject, queue, beside).items()),
    )
