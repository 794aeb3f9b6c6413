"""A document made from the values of others, each of which keeps its place in its own file."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.source.document import Document, Place, Places


class At(NamedTuple):
    """A place among the values of a document: a mapping or a list, and the key or the number in it."""

    inside: Any
    step: str | int

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.inside[self.step]


class Draft:
    """A document in the making: what is put in keeps the place that it, or what it was made from, has in its file."""

    def __init__(self, document: Document) -> None:
        self._first = document
        self._texts = dict(document.texts)
        self._places = dict(document.places)
        self._written = dict(document.written)
        self._parts = [document]
        self._made: list[Any] = []
        self.problems: list[FileProblem] = []

    def adopt(self, other: Document) -> None:
        """Let values of another document be put in too."""
        self._texts |= other.texts
        self._places |= other.places
        self._written |= other.written
        self._parts.append(other)

    def mapping(self, like: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make a mapping, empty or with what another has."""
        made: dict[str, Any] = {}
        self._places[id(made)] = Places()
        self._made.append(made)
        for key in like or ():
            self.take(made, key, At(like, key))
        return made

    def with_last(self, made: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
        """Give the same mapping with the keys that another has at its end: the last one shows where more may stand."""
        ordered = self.mapping()
        for key in [*(key for key in made if key not in last), *last]:
            self.take(ordered, key, At(made, key))
        return ordered

    def sequence(self) -> list[Any]:
        """Make an empty list."""
        made: list[Any] = []
        self._places[id(made)] = Places()
        self._made.append(made)
        return made

    def take(self, target: dict[str, Any], key: str, at: At) -> None:
        """Put in what stands at a place, under this key."""
        self.put(target, key, at.value, at)

    def put(self, target: dict[str, Any], key: str, value: Any, at: At, *, named: bool = False) -> None:
        """Put in a value that was made from what stands at a place; `named`: from the name that stands there."""
        target[key] = value
        places = self._places[id(target)]
        places.keys[key], places.values[key] = self._place(at, named=True), self._place(at, named=named)
        self._written.pop((id(target), key), None)
        written = self._written.get((id(at.inside), at.step))
        if written is not None and not named:
            self._written[id(target), key] = written

    def remove(self, target: dict[str, Any], *keys: str) -> None:
        """Take out of a mapping that was made here."""
        places = self._places[id(target)]
        for key in keys:
            del target[key], places.keys[key], places.values[key]

    def append(self, target: list[Any], value: Any, at: At, *, named: bool = False) -> None:
        """Put a value at the end of a list that was made here, as `put` does."""
        self._places[id(target)].values[len(target)] = self._place(at, named=named)
        target.append(value)

    def _place(self, at: At, *, named: bool) -> Place:
        there = self._places[id(at.inside)]
        return there.keys.get(at.step, there.values[at.step]) if named else there.values[at.step]

    def where(self, at: At, *, key: bool = False) -> Where:
        """Give the place in the file, of the value or of its key."""
        return Where(*self._place(at, named=key))

    def problem(self, code: str, message: str, at: At, hint: str, *, key: bool = False) -> None:
        """Say that something is wrong there; `document` then raises."""
        self.problems.append(FileProblem(code, message, where=self.where(at, key=key), hint=hint))

    def document(self, root: Any, assumed: tuple[Mapping[str, Any], ...] = ()) -> Document:
        """Give the whole. Raises FileInvalid with every problem."""
        if self.problems:
            raise FileInvalid(tuple(self.problems))
        parts = tuple(self._parts)
        return Document(self._first.file, self._texts, root, self._places, self._written, parts, assumed)
