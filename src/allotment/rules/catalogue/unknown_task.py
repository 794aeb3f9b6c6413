"""The file names a task that the app does not have."""

from collections.abc import Iterable, Iterator, Mapping

from allotment.model.names import nearest
from allotment.model.patterns import is_pattern
from allotment.model.task import BUILT_IN_PREFIX
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_SLIPS = 30
"""For as many names the one that was meant is looked for; where more are wrong, the app is another."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find exact names under `tasks:`, there and in profiles, that are not among the tasks of the app that was read."""
    if subject.app is None:
        return
    known = {*subject.plan.tasks, *subject.placeholders}
    found: dict[str, dict[Path, str]] = {}
    for name, path, text in _named(subject):
        if name not in known and not is_pattern(name) and not name.startswith(BUILT_IN_PREFIX):
            found.setdefault(name, {})[path] = text
    alike = _by_parts(known) if found else {}
    for number, (name, places) in enumerate(found.items()):
        head, _, last = name.rpartition(".")
        near = nearest(name, {*alike.get((head, ""), ()), *alike.get(("", last), ())}) if number < _SLIPS else None
        yield Finding(
            f"the app has no task {name!r}",
            f"write {near!r}, or remove it" if near else "correct the name, or remove it",
            tuple(Label(path, text) for path, text in places.items()),
        )


def _named(subject: Subject) -> Iterator[tuple[str, Path, str]]:
    for entry in subject.model.entries:
        yield entry.key, ("tasks", entry.key), "no task has this name"
    for profile in subject.model.profiles.values():
        for key, says in (("tasks", "is to register it"), ("exclude_tasks", "leaves it out")):
            for place, name in enumerate(getattr(profile, key) or ()):
                yield name, ("profiles", profile.name, key, place), f"profile {profile.name!r} {says}"


def _by_parts(names: Iterable[str]) -> Mapping[tuple[str, str], list[str]]:
    """File names by what is before their last dot, and by what is after it: one of the two is mostly written right."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        head, _, last = name.rpartition(".")
        found.setdefault((head, ""), []).append(name)
        found.setdefault(("", last), []).append(name)
    return found
