"""Which profiles can run which task.

A set of profiles is an integer with one bit a profile, so that thousands of tasks that the same profiles can run are
one case, and comparing sets costs nothing.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_

from allotment.model.patterns import PatternIndex
from allotment.model.profile import Profile
from allotment.model.requirements import Requirements

ProfileSet = int


class Capability:
    """Answers, for any task's name, which of the profiles can run it."""

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self.profiles = dict(profiles)
        self._bit = {profile.name: 1 << place for place, profile in enumerate(profiles.values())}
        self._takes_all: ProfileSet = self.set_of(
            profile.name for profile in profiles.values() if profile.tasks is None
        )
        self._included = self._index((profile, profile.tasks or ()) for profile in profiles.values())
        self._excluded = self._index((profile, profile.exclude_tasks) for profile in profiles.values())

    def _index(self, chosen: Iterable[tuple[Profile, tuple[str, ...]]]) -> PatternIndex[ProfileSet]:
        bits: dict[str, ProfileSet] = {}
        for profile, keys in chosen:
            for key in keys:
                bits[key] = bits.get(key, 0) | self._bit[profile.name]
        return PatternIndex(bits.items())

    def set_of(self, names: Iterable[str]) -> ProfileSet:
        """Give the set of the profiles with these names."""
        return reduce(or_, (self._bit[name] for name in names), 0)

    def names(self, profiles: ProfileSet) -> tuple[str, ...]:
        """List the names of the profiles in a set, sorted."""
        return tuple(sorted(name for name, bit in self._bit.items() if profiles & bit))

    def bit(self, name: str) -> ProfileSet:
        """Give the set of this one profile."""
        return self._bit[name]

    def able(self, task: str, requires: Requirements) -> ProfileSet:
        """Give the profiles that register the task and require (so: have) everything it requires."""
        found = reduce(or_, self._included.all(task), self._takes_all)
        if found:
            found &= ~reduce(or_, self._excluded.all(task), 0)
        if requires and found:
            found = self.set_of(name for name in self.names(found) if not self._lacking(name, requires))
        return found

    def _lacking(self, name: str, requires: Requirements) -> tuple[str, ...]:
        return requires.missing_from(self.profiles[name].requires)


def why_unable(profile: Profile, task: str, requires: Requirements) -> str | None:
    """Say why a profile cannot run a task; None where it can."""
    if not profile.selects(task):
        if profile.tasks is None or profile.includes(task):
            return f"profile {profile.name!r} excludes it (exclude_tasks)"
        return f"profile {profile.name!r} does not register it (tasks: {', '.join(profile.tasks) or 'none'})"
    lacking = requires.missing_from(profile.requires)
    if lacking:
        return f"profile {profile.name!r} does not require what the task does: {', '.join(lacking)}"
    return None
