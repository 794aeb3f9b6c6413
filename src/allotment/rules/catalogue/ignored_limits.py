"""A time limit is said for tasks that run in a pool which keeps none."""

from collections.abc import Iterator

from allotment.model.profile import Pool, Profile
from allotment.model.quantities import show_duration
from allotment.rules.figures import more_than_none
from allotment.rules.limits import Run
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

IGNORED = {Pool.SOLO: ("time_limit", "soft_time_limit"), Pool.GEVENT: ("soft_time_limit",)}
"""The limits that a pool passes over."""
_SHOWN = 3
"""As many limits are pointed at."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find limits of profiles, and of tasks they run, that their pool passes over; one finding a profile."""
    runs: dict[str, list[Run]] = {}
    for run in subject.runs:
        if run.profile.pool in IGNORED:
            runs.setdefault(run.profile.name, []).append(run)
    for profile in subject.placed:
        if profile.pool in IGNORED:
            places = _places(subject, profile, runs.get(profile.name, []))
            if places:
                yield _finding(subject, profile, places)


def _places(subject: Subject, profile: Profile, runs: list[Run]) -> list[tuple[Path, str]]:
    """Give where the limits are said that hold for nothing, each with what is said."""
    found: list[tuple[Path, str]] = []
    for key in IGNORED[profile.pool]:
        seconds = getattr(profile, key)
        # what a preset says suits its own pool; the hard limit still holds on gevent
        if seconds and (profile.pool is Pool.SOLO or subject.written("profiles", profile.name, key)):
            found.append((subject.of_profile(profile.name, key), f"{key}: {show_duration(seconds)}"))
        for run in runs:
            entry = run.tasks[0].entry
            own = more_than_none(subject.own(run.tasks[0]).get(key))
            if entry and getattr(entry, key):
                found.append((("tasks", entry.key, key), f"{key}: {show_duration(getattr(entry, key))}"))
            elif own:
                found.append((("app",), f"the app's {key} of {run.tasks[0].name}"))
    return list(dict.fromkeys(found))


def _finding(subject: Subject, profile: Profile, places: list[tuple[Path, str]]) -> Finding:
    shown = places[:_SHOWN]
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    none = "no time limit" if profile.pool is Pool.SOLO else "no soft limit"
    return Finding(
        f"profile {profile.name!r} runs its tasks in pool {profile.pool}, which keeps {none}:"
        f" {', '.join(said for _, said in shown)}{more} {'does' if len(places) == 1 else 'do'} nothing",
        "set pool: prefork, which keeps both limits, or pool: threads; else take the limits away",
        (
            *(Label(path, f"{said} is not kept") for path, said in shown),
            Label(subject.of_profile(profile.name, "pool"), f"keeps {none}"),
        ),
    )
