"""Several files as one: what a fleet file includes is put beside what it says itself."""

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from allotment.errors import FileInvalid, FileProblem
from allotment.source.document import Document
from allotment.source.keys import FLEET
from allotment.source.shapes.assumed import OVERRULED, settled
from allotment.source.shapes.draft import At, Draft

_SHARED = ("tasks", "queues", "profiles", "nodes")
"""The sections that several files may add to; the rest is said once, by the file that includes."""


def with_included(document: Document, read: Callable[[FilePath], Document]) -> Document:
    """Give the document together with those it includes, as one. Raises FileInvalid for a name that two of them define.

    `read` reads one file of any shape, and raises FileInvalid.
    """
    root = document.root
    if not isinstance(root, dict) or "include" not in root:
        return settled(document)
    folder = FilePath(document.file).parent
    names = root["include"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name.isprintable() for name in names):
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
    return settled(merged.document())


class _Merged:
    """A document that grows."""

    def __init__(self, first: Document) -> None:
        self._first = first
        self._draft = Draft(first)
        self._root = self._draft.mapping(first.root)
        self._assumed = list(first.assumed)
        self._own: set[str] = set()

    @property
    def problems(self) -> list[FileProblem]:
        """Everything found wrong so far."""
        return self._draft.problems

    def add(self, other: Document) -> None:
        """Put another document's sections beside those there are."""
        self._draft.adopt(other)
        if not isinstance(other.root, dict):
            self.problems.append(
                FileProblem(
                    "include",
                    "there is nothing in it that a fleet could include",
                    where=other.where(()),
                    hint="it takes tasks, queues, profiles and nodes",
                )
            )
            return
        for key in other.root:
            self._add_key(At(other.root, key))
        for assumed in other.assumed:
            kept = self._draft.mapping()
            for key in assumed.keys() - OVERRULED:
                self._draft.take(kept, key, At(assumed, key))
            self._assumed.append(kept)

    def _add_key(self, at: At) -> None:
        key = str(at.step)
        if key not in FLEET.keys:
            self._draft.take(self._root, key, at)  # the table of keys says what is wrong with it
        elif key not in _SHARED:
            message = f"{key!r} is said in the file that includes, not in one included"
            self._draft.problem("include", message, at, f"move it to {self._first.file}", key=True)
        elif isinstance(at.value, dict):
            self._put(key, at)
        elif at.value is not None:
            self._draft.problem("include", f"{key!r} is not a mapping", at, "write name: value", key=True)

    def _put(self, section: str, at: At) -> None:
        mine = self._section(section, at)
        if not isinstance(mine, dict):
            return  # the table of keys says what is wrong with the including file's own
        for name in at.value:
            if name in mine:
                there = self._draft.where(At(mine, name), key=True)
                self._draft.problem(
                    "defined-twice",
                    f"{section}.{name} is defined twice",
                    At(at.value, name),
                    f"it is also in {there.file}, line {there.line}; keep one",
                    key=True,
                )
            else:
                self._draft.take(mine, name, At(at.value, name))

    def _section(self, section: str, at: At) -> Any:
        """Give the section that grows: a copy of the including file's own, or a new one."""
        there = self._root.get(section)
        if section not in self._own and (there is None or isinstance(there, dict)):
            self._own.add(section)
            mine = self._draft.mapping(there)
            self._draft.put(self._root, section, mine, at if there is None else At(self._root, section))
        return self._root[section]

    def document(self) -> Document:
        """Give the whole."""
        root = self._draft.with_last(self._root, self._first.root)
        return self._draft.document(root, tuple(self._assumed))
