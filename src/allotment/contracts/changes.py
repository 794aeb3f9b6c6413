"""What became of each contract between two versions of them all."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from allotment.contracts.comparison import Compatibility, compatibility
from allotment.contracts.description import Description
from allotment.contracts.differences import Severity


class Kind(StrEnum):
    """What became of a contract."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """One contract in the old version and in the new one, None where it has none; at least one of the two has it."""

    old: Description | None
    new: Description | None

    @property
    def name(self) -> str:
        """The task's name."""
        one = self.old or self.new
        return one.name if one else ""

    @property
    def kind(self) -> Kind:
        """What became of it; a text or a place that changed is no change."""
        if self.old is None:
            return Kind.ADDED
        if self.new is None:
            return Kind.REMOVED
        return Kind.SAME if self.old.shape.digest == self.new.shape.digest and not self.moved else Kind.CHANGED

    @property
    def moved(self) -> bool:
        """Whether it is sent to another queue."""
        return self.old is not None and self.new is not None and self.old.queue != self.new.queue

    @property
    def compatibility(self) -> Compatibility | None:
        """What it does to calls in both directions, None where only one version has it."""
        return compatibility(self.old.shape, self.new.shape) if self.old and self.new else None

    @property
    def verdict(self) -> Severity:
        """How bad it is while both versions are in use: calls of a contract that is gone are refused."""
        both = self.compatibility
        if both is None:
            return Severity.HARMLESS if self.kind is Kind.ADDED else Severity.BREAKING
        return max(both.verdict, Severity.DEPENDS if self.moved else Severity.HARMLESS)


def changes(old: Iterable[Description], new: Iterable[Description]) -> tuple[Change, ...]:
    """Pair the contracts of two versions by their names, in the order of these."""
    before = {one.name: one for one in old}
    after = {one.name: one for one in new}
    return tuple(Change(before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys()))
