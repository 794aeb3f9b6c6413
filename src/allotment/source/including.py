"""Several files as one: what a fleet file includes is put beside what it says itself."""

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from allotment.errors import FileInvalid, FileProblem
from allotment.source.document import Document, Places

_SHARED = ("tasks", "queues", "profiles", "nodes")
"""The sections that several files may add to; the rest is said once, by the file that includes."""


def with_included(document: Document, read: Callable[[FilePath], Document]) -> Document:
    """Give the document together with those it includes, as one. Raises FileInvalid for a name that two of them define.

    `read` reads one file of any shape, and raises FileInvalid.
    """
    root = document.root
    if not isinstance(root, dict) or "include" not in root:
        return document
    folder = FilePath(document.file).parent
    names = root["include"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return document  # the table of keys says what is wrong with it
    problems: list[FileProblem] = []
    merged = _Merged(document)
    for number, name in enumerate(names):
        try:
            merged.add(read(folder / name))
        except FileInvalid as error:
            where = document.where(("include", number))
            problems += (
                one if one.where else FileProblem(one.code, one.message, where=where, hint=one.hint)
                for one in error.problems
            )
    problems += merged.problems
    if problems:
        raise FileInvalid(tuple(problems))
    return merged.document()


class _Merged:
    """A document that grows."""

    def __init__(self, first: Document) -> None:
        self._first = first
        self._root: dict[str, Any] = dict(first.root)
        self._places = dict(first.places)
        self._own = Places()
        own = first.places[id(first.root)]
        self._own.keys.update(own.keys)
        self._own.values.update(own.values)
        self._written = dict(first.written)
        self._written |= {
            (id(self._root), key): text for (owner, key), text in first.written.items() if owner == id(first.root)
        }
        self._texts = dict(first.texts)
        self._kept: list[Document] = [first]
        self.problems: list[FileProblem] = []

    def add(self, other: Document) -> None:
        """Put another document's sections beside those there are."""
        self._kept.append(other)  # places are found by identity, so nothing may be given back while they are in use
        self._texts |= other.texts
        self._places |= other.places
        self._written |= other.written
        if not isinstance(other.root, dict):
            self._problem(other, (), "there is nothing in it that a fleet could include", "it takes tasks, queues, …")
            return
        for key, value in other.root.items():
            if key not in _SHARED:
                self._problem(
                    other,
                    (key,),
                    f"{key!r} is said in the file that includes, not in one included",
                    f"move it to {self._first.file}",
                )
            elif isinstance(value, dict):
                self._put(other, key, value)
            elif value is not None:
                self._problem(other, (key,), f"{key!r} is not a mapping", "write name: value")

    def _put(self, other: Document, section: str, values: dict[str, Any]) -> None:
        theirs = other.places[id(values)]
        there = self._root.get(section)
        if not isinstance(there, dict):
            mine: dict[str, Any] = {}
            places = Places()
            place = other.places[id(other.root)]
            self._own.keys[section], self._own.values[section] = place.keys[section], place.values[section]
        else:
            mine = dict(there)
            before = self._places[id(there)]
            places = Places(dict(before.keys), dict(before.values))
        for name, value in values.items():
            if name in mine:
                file, line, *_ = places.keys[name]
                self._problem(
                    other,
                    (section, name),
                    f"{section}.{name} is defined twice",
                    f"it is also in {file}, line {line}; keep one",
                )
                continue
            mine[name] = value
            places.keys[name], places.values[name] = theirs.keys[name], theirs.values[name]
        self._root[section] = mine
        self._places[id(mine)] = places

    def _problem(self, other: Document, path: tuple[str, ...], message: str, hint: str) -> None:
        where = other.where(path, key=True)
        code = "defined-twice" if "twice" in message else "include"
        self.problems.append(FileProblem(code, message, where=where, hint=hint))

    def document(self) -> Document:
        """Give the whole."""
        self._places[id(self._root)] = self._own
        return Document(self._first.file, self._texts, self._root, self._places, self._written, tuple(self._kept))
