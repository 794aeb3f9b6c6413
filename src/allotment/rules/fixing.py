"""Edits put into files: each comes out exactly as asked, or is left out, and nothing else changes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from allotment.rules.changing import Changes, Editor, applied
from allotment.rules.rule import Edit
from allotment.rules.verifying import Asked, came_out, container, put_among, read_alone
from allotment.source.document import Document, Path, Place, Places

_MOST_ROUNDS = 50
"""How often the text is read again for edits that are in each other's way."""

_MOST_TRIES = 200
_FEWEST_TRIES = 20
_MOST_READ = 2_000_000
"""How many characters are read, all tries together, to find the edits that do not come out as asked."""

_OwnEdits = tuple[tuple[str, Edit], ...]
"""Edits with their files, by the paths that the files have when they are read alone."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The texts of the files that edits change, by name, and the numbers of the groups that were left out."""

    texts: dict[str, str]
    left_out: frozenset[int]


def edited(document: Document, edits: Iterable[Edit]) -> dict[str, str]:
    """Give the texts of the files that the edits change, by name; an edit that does not come out is left out."""
    return edited_in_groups(document, [(edit,) for edit in dict.fromkeys(edits)]).texts


def edited_in_groups(document: Document, groups: Sequence[Sequence[Edit]]) -> Fixed:
    """Make groups of edits, of which each is made whole or left out.

    A file that is not YAML is left alone. Of two that give one place different values the first holds.
    """
    files = _Files(document)
    fixing = _Fixing(files.alone, _own_groups(files, groups))
    fixing.take(fixing.bundles())
    texts = {file: alone.text for file, alone in fixing.files.items() if alone.text != document.texts[file]}
    return Fixed(texts, frozenset(range(len(groups))) - fixing.made)


def _own_groups(files: "_Files", groups: Sequence[Sequence[Edit]]) -> dict[int, _OwnEdits]:
    """Give the groups that can be made, by number: each edit stands in a file, and is at odds with none before."""
    found: dict[int, _OwnEdits] = {}
    asked: dict[str, Asked] = {file: {} for file in files.alone}
    for number, group in enumerate(groups):
        own = [files.own(edit) for edit in group]
        kept = tuple(one for one in own if one is not None)
        if kept and len(kept) == len(own) and all(put_among(asked[file], edit) for file, edit in kept):
            found[number] = kept
    return found


class _Files:
    """The files of a document, each as it is when it is read alone."""

    def __init__(self, document: Document) -> None:
        self._document = document
        read = {file: read_alone(text, file) for file, text in document.texts.items() if not file.endswith(".py")}
        self.alone = {file: alone for file, alone in read.items() if alone is not None}
        self._paths: dict[tuple[Place, Place], Path] = {}
        for alone in self.alone.values():
            self._index(alone)

    def _index(self, alone: Document) -> None:
        waiting: list[tuple[Path, object]] = [((), alone.root)]
        seen: set[int] = set()
        while waiting:
            path, value = waiting.pop()
            places = alone.places.get(id(value))
            if places is None or id(value) in seen:
                continue
            seen.add(id(value))
            for step, there in places.values.items():
                self._paths.setdefault((places.keys.get(step, there), there), (*path, step))
                waiting.append(((*path, step), value[step]))  # type: ignore[index]  # what has places has steps

    def own(self, edit: Edit) -> tuple[str, Edit] | None:
        """Give an edit as its file has it; None where what it is about is written in none."""
        depth = len(edit.path)
        while depth and not self._document.has(edit.path[:depth]):
            depth -= 1
        found = self._own_path(edit.path[:depth])
        return found and (found[0], replace(edit, path=(*found[1], *edit.path[depth:])))

    def _own_path(self, path: Path) -> tuple[str, Path] | None:
        file, own = self._document.file, ()
        if file not in self.alone:
            return None
        found: tuple[str, Path] | None = (file, own)
        value = self._document.root
        for step in path:
            there = _place(self._document.places[id(value)], step)
            found = self._below(found, step, there)
            value = value[step]
        return found

    def _below(
        self, above: tuple[str, Path] | None, step: str | int, there: tuple[Place, Place]
    ) -> tuple[str, Path] | None:
        file = there[0][0]
        if above is not None and above[0] == file:
            alone = self.alone[file]
            if alone.has((*above[1], step)):
                places = alone.places[id(alone.value(above[1]))]
                if _place(places, step) == there:
                    return file, (*above[1], step)
        own = self._paths.get(there)
        return None if own is None else (file, own)


def _place(places: Places, step: str | int) -> tuple[Place, Place]:
    """Give the places of a key and of its value; an item of a list has no key."""
    return places.keys.get(step, places.values[step]), places.values[step]


class _Fixing:
    """Files that edits are put into: all at once, and where that does not come out as asked, in ever smaller parts."""

    def __init__(self, files: Mapping[str, Document], groups: Mapping[int, _OwnEdits]) -> None:
        self.files = dict(files)
        self.made: set[int] = set()
        self._groups = groups
        size = sum(len(alone.text) for alone in files.values())
        self._tries = max(_FEWEST_TRIES, min(_MOST_TRIES, _MOST_READ // max(size, 1)))

    def bundles(self) -> list[list[int]]:
        """Put together what is about one mapping: an alias shows it in several places, which change together."""
        found: dict[tuple[str, int], list[int]] = {}
        for number, edits in self._groups.items():
            file, edit = edits[0]
            found.setdefault((file, container(self.files[file], edit.path)), []).append(number)
        return list(found.values())

    def take(self, bundles: list[list[int]]) -> None:
        """Make what can be made of these."""
        if not bundles or self._tries <= 0:
            return
        self._tries -= 1
        numbers = sorted(number for bundle in bundles for number in bundle)
        if self._is_made(numbers):
            self.made |= set(numbers)
            return
        if len(bundles) == 1:
            if len(numbers) == 1:
                return
            bundles = [[number] for number in numbers]
        middle = len(bundles) // 2
        self.take(bundles[:middle])
        self.take(bundles[middle:])

    def _is_made(self, numbers: list[int]) -> bool:
        by_file: dict[str, list[Edit]] = {}
        for number in numbers:
            for file, edit in self._groups[number]:
                by_file.setdefault(file, []).append(edit)
        made = {file: _changed(self.files[file], list(dict.fromkeys(edits))) for file, edits in by_file.items()}
        kept = {file: alone for file, alone in made.items() if alone is not None}
        if len(kept) < len(made):
            return False
        self.files |= kept
        return True


def _changed(before: Document, edits: list[Edit]) -> Document | None:
    """Make edits in a file; None where they do not come out exactly as asked."""
    after, waiting = before, edits
    for _ in range(_MOST_ROUNDS):
        if not waiting:
            break
        # edits in each other's way go one after another, each on the text that the one before has made
        text, waiting = _changed_at_once(after, waiting)
        read = read_alone(text, before.file)
        if read is None:
            return None
        after = read
    return after if not waiting and came_out(before, after, edits) else None


def _changed_at_once(document: Document, edits: list[Edit]) -> tuple[str, list[Edit]]:
    """Make the edits that touch no place in common; give the text, and the edits that have to wait."""
    editor, changes, waiting = Editor(document), Changes(), []
    for edit in edits:
        change = editor.change(edit)
        if change is not None and not changes.add(change):
            waiting.append(edit)
    return applied(document.text, changes.all), waiting


_ADDRESS = re.compile(r"(?<=://)\S+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def changed_lines(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Write what an edit changes as a unified diff; of an address, which may hold a password, only how it begins."""
    import difflib  # noqa: PLC0415 - only --diff pays for it

    return "".join(
        _ADDRESS.sub("…", line) if line.endswith("\n") else f"{_ADDRESS.sub('…', line)}\n\\ No newline at end of file\n"
        for file, text in after.items()
        for line in difflib.unified_diff(_LINE.findall(before[file]), _LINE.findall(text), file, file)
    )
