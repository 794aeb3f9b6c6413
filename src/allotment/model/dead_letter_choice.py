"""Which dead letters are meant: those that pass a filter, and those that are named."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from allotment.errors import UnknownName
from allotment.model.dead_letter import DeadLetter
from allotment.model.patterns import matches
from allotment.model.quantities import counted

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """What letters have to be; what is left empty says nothing.

    `tasks` are names or patterns with `*`, `queues` the routing keys with which they arrived. `older_than` and
    `newer_than` are in seconds: a letter that does not say its time is neither. `most`: so many, the oldest.
    """

    tasks: tuple[str, ...] = ()
    reasons: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    older_than: float | None = None
    newer_than: float | None = None
    most: int | None = None

    def passes(self, letter: DeadLetter, now: float) -> bool:
        """Say whether a letter is meant; `now` is in seconds of the epoch."""
        if self.tasks and not any(matches(key, letter.task or "") for key in self.tasks):
            return False
        if self.reasons and letter.reason not in self.reasons:
            return False
        if self.queues and letter.queue not in self.queues:
            return False
        return self._of_the_age(letter.time, now)

    def _of_the_age(self, time: float | None, now: float) -> bool:
        if self.older_than is None and self.newer_than is None:
            return True
        if time is None:
            return False
        age = now - time
        return (self.older_than is None or age > self.older_than) and (self.newer_than is None or age < self.newer_than)


def chosen(
    letters: Iterable[DeadLetter], wanted: DeadLetterFilter, now: float, ids: Sequence[str] = ()
) -> tuple[DeadLetter, ...]:
    """Give the letters that pass, the oldest first, those that do not say their time before all others.

    With `ids`, only those that are named by one of them. Raises UnknownName for an id that names none or several.
    """
    found = list(letters)
    if ids:
        named = {letter.digest for one in ids for letter in named_by(one, found)}
        found = [letter for letter in found if letter.digest in named]
    passing = [letter for letter in found if wanted.passes(letter, now)]
    passing.sort(key=lambda letter: letter.time or 0.0)
    return tuple(passing[: wanted.most])


def named_by(text: str, letters: Sequence[DeadLetter]) -> tuple[DeadLetter, ...]:
    """Give the letters that an id, the beginning of one, or a whole digest names; several where they have one id.

    Raises UnknownName where there is none, or where the beginning is that of several ids.
    """
    exactly = tuple(letter for letter in letters if text in {letter.key, letter.digest})
    if exactly:
        return exactly
    found = tuple(letter for letter in letters if text and letter.key.startswith(text))
    keys = list(dict.fromkeys(letter.key for letter in found))
    if not keys:
        raise UnknownName(f"there is no dead letter {text!r}", hint="`allot dead list` lists them with their ids")
    if len(keys) > 1:
        more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
        raise UnknownName(
            f"{text!r} is the beginning of {counted(len(keys), 'id')}",
            hint=f"write more of it: {', '.join(keys[:_MOST_NAMED])}{more}",
        )
    return found


def repeated(letters: Iterable[DeadLetter]) -> dict[str, int]:
    """Give the ids that several of the letters have, with how many."""
    counts = Counter(letter.key for letter in letters)
    return {key: count for key, count in counts.items() if count > 1}
