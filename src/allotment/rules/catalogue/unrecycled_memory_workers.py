"""Processes that hold much in memory are never replaced, and what they do not give back adds up."""

import re
from collections.abc import Iterator

from allotment.model.kind import Kind
from allotment.model.profile import Pool, Profile
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

KEYS = ("max_tasks_per_child", "max_memory_per_child")
SEVERAL = 2
"""As many tasks' names are more than a slip of a word."""
_WORDS = frozenset({"memory", "mem"})
"""What names say of memory work; other words, as `export`, tell what is done and not how much it takes."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find prefork profiles for memory work that neither limit replaces, their own or Celery's settings."""
    if any(subject.number(f"worker_{key}") for key in KEYS):
        return
    for profile in subject.placed:
        replaced = profile.pool is not Pool.PREFORK or any(getattr(profile, key) for key in KEYS)
        why = None if replaced else _why_memory(subject, profile)
        if why:
            yield _finding(profile, why)


def _why_memory(subject: Subject, profile: Profile) -> Label | None:
    """Say what tells of memory work: the preset, the word in a name, or most tasks' names; None: nothing does."""
    if profile.preset == Kind.MEMORY:
        return Label(("profiles", profile.name, "preset"), "memory work")
    queue = next((one for one in profile.queues if _has_the_word(one)), None)
    if queue is not None:
        return Label(subject.of_consumer(profile, queue), "memory work")
    if _has_the_word(profile.name):
        return Label(("profiles", profile.name), "its name says memory")
    tasks = subject.tasks_of_kinds(profile, frozenset({Kind.MEMORY}))
    return Label(subject.of_task(tasks[0]), f"{tasks[0].name} is memory work") if len(tasks) >= SEVERAL else None


def _has_the_word(name: str) -> bool:
    return not _WORDS.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def _finding(profile: Profile, why: Label) -> Finding:
    path = ("profiles", profile.name)
    labels = (Label(path, "its processes are never replaced"), *(() if why.path == path else (why,)))
    return Finding(
        f"processes of profile {profile.name!r} hold much in memory and are never replaced",
        "set max_tasks_per_child: 50, or max_memory_per_child: to what one of them may grow to",
        labels,
    )
