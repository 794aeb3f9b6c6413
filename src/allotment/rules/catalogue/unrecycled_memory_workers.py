"""Processes that hold much in memory are never replaced, and what they do not give back adds up."""

from collections.abc import Iterator

from allotment.model.kind import Kind
from allotment.model.profile import Pool, Profile
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

KEYS = ("max_tasks_per_child", "max_memory_per_child")


def check(subject: Subject) -> Iterator[Finding]:
    """Find prefork profiles for memory work that neither limit replaces, their own or Celery's settings."""
    if any(subject.value(f"worker_{key}") for key in KEYS):
        return
    for profile in subject.placed:
        replaced = profile.pool is not Pool.PREFORK or any(getattr(profile, key) for key in KEYS)
        if not replaced and subject.kind_of_profile(profile) is Kind.MEMORY:
            yield _finding(subject, profile)


def _finding(subject: Subject, profile: Profile) -> Finding:
    labels = [Label(("profiles", profile.name), "its processes are never replaced")]
    queue = next((one for one in profile.queues if subject.kind_of_queue(one) is Kind.MEMORY), None)
    if queue is not None:
        labels.append(Label(("profiles", profile.name, "queues", profile.queues.index(queue)), "memory work"))
    return Finding(
        f"processes of profile {profile.name!r} hold much in memory and are never replaced",
        "set max_tasks_per_child: 50, or max_memory_per_child: to what one of them may grow to",
        tuple(labels),
    )
