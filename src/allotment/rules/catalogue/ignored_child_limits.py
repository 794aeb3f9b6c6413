"""Processes are to be replaced, or to be several, in a pool that has none."""

from collections.abc import Iterator

from allotment.model.profile import Pool, Profile
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

KEYS = ("max_tasks_per_child", "max_memory_per_child")


def check(subject: Subject) -> Iterator[Finding]:
    """Find the keys written on profiles of other pools than prefork, and processes of a solo pool."""
    for profile in subject.placed:
        concurrency = ("profiles", profile.name, "concurrency")
        if profile.pool is Pool.SOLO and (profile.concurrency or 1) > 1 and subject.written(*concurrency):
            yield _several(subject, profile, concurrency)
        paths = [("profiles", profile.name, key) for key in KEYS]
        written = [path for path in paths if subject.written(*path)]
        if written and profile.pool is not Pool.PREFORK:
            keys = " and ".join(path[-1] for path in written)
            yield Finding(
                f"{keys} {'does' if len(written) == 1 else 'do'} nothing for profile {profile.name!r}: its pool,"
                f" {profile.pool}, has no processes to replace",
                f"remove {keys}, or set pool: prefork",
                (
                    *(Label(path, "does nothing") for path in written),
                    Label(subject.of_profile(profile.name, "pool"), "no processes"),
                ),
            )


def _several(subject: Subject, profile: Profile, path: Path) -> Finding:
    return Finding(
        f"concurrency: {profile.concurrency} does nothing for profile {profile.name!r}: its pool, solo, runs one task"
        " after the other",
        "remove concurrency, or set pool: prefork",
        (Label(path, "does nothing"), Label(subject.of_profile(profile.name, "pool"), "one task at a time")),
    )
