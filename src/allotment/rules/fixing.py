"""Edits put into a file's text: only the characters at the place change, so comments and layout stay as they are."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.rules.rule import Edit
from allotment.source.document import Document, Path, Place
from allotment.source.yaml_text import read_document


@dataclass(frozen=True, slots=True, order=True)
class _Change:
    """Text to put in place of some characters of a file, counted from 0; `start` equal to `end` puts it between."""

    file: str
    start: int
    end: int
    text: str


def edited(document: Document, edits: Iterable[Edit]) -> dict[str, str]:
    """Give the texts of the files that the edits change, by name.

    A file that is not YAML is left alone. Of two edits that give one place different values the first holds.
    """
    texts, waiting = _edited_at_once(document, list(dict.fromkeys(edits)))
    while waiting:
        # edits in each other's way go one after another, each on the text that the one before has made
        file, left = waiting.popitem()
        changed, more = _edited_at_once(read_document(texts[file], file, _EveryVariable()), left)
        texts |= changed
        waiting |= more if changed else {}
    return texts


def _edited_at_once(document: Document, edits: list[Edit]) -> tuple[dict[str, str], dict[str, list[Edit]]]:
    """Make the edits that touch no place in common; give the texts, and by file the edits that have to wait."""
    editor = _Editor(document)
    by_file: dict[str, list[_Change]] = {}
    waiting: dict[str, list[Edit]] = {}
    done: set[Path] = set()
    for edit in edits:
        change = editor.change(edit)
        if change is None or change.file.endswith(".py") or edit.path in done:
            continue
        there = by_file.setdefault(change.file, [])
        if any(change.start < other.end and other.start < change.end for other in there):
            waiting.setdefault(change.file, []).append(edit)
        else:
            done.add(edit.path)
            there.append(change)
    return {file: _applied(document.texts[file], there) for file, there in by_file.items()}, waiting


class _EveryVariable(dict[str, str]):
    """An environment that has every variable: where values stand does not depend on what they are."""

    def get(self, key: str, _: object = None) -> str:
        """Give any text."""
        return key


def _applied(text: str, changes: list[_Change]) -> str:
    # from the end on; of what is put in at one place, the deepest is put in last and so comes first
    for change in sorted(changes, key=lambda one: (-one.start, _indent(one.text))):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


class _Editor:
    """Finds which characters of a document's files an edit changes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._texts = {file: _Text(text) for file, text in document.texts.items()}

    def change(self, edit: Edit) -> _Change | None:
        """Give the change; None where there is nothing to change."""
        there = self._document.has(edit.path)
        if edit.value is None:
            return self._removal(edit.path) if there else None
        return self._replacement(edit.path, edit.value) if there else self._addition(edit.path, edit.value)

    def _replacement(self, path: Path, value: str) -> _Change:
        text, place = self._place(path)
        start, end = text.span(place)
        if self._is_block(path):
            # it begins on a line of its own; the text takes the place of all its lines, beside the key
            key = self._document.places[id(self._value(path[:-1]))].keys[path[-1]]
            start, end = text.offset(key[3], key[4]) + 1, text.line_end(self._last_line(path, place[0]))
            value = " " + value
        return _Change(place[0], start, end, value if end > start else " " + value)

    def _addition(self, path: Path, value: str) -> _Change | None:
        """Put a key that is not there below the nearest mapping above it that is."""
        depth = next(depth for depth in range(len(path) - 1, -1, -1) if depth == 0 or self._document.has(path[:depth]))
        for step in reversed(path[depth + 1 :]):
            value = f"{{{step}: {value}}}"
        above, added = path[:depth], f"{path[depth]}: {value}"
        mapping = self._value(above)
        if not isinstance(mapping, dict):
            return self._replacement(above, f"{{{added}}}")
        if above and self._in_brackets(above):
            text, place = self._place(above)
            start, end = text.span(place)
            inner = text.text[start + 1 : end - 1].strip()
            if "\n" in inner or inner.endswith(","):
                # a comment at a line's end would swallow what is put after it
                return _Change(place[0], start + 1, start + 1, f"{added}, ")
            return _Change(place[0], start, end, f"{{{inner}, {added}}}" if inner else f"{{{added}}}")
        file = self._home(above, mapping)
        last = self._last_key(mapping, file)
        if last is None:
            return None
        column = self._document.places[id(mapping)].keys[last][2]
        text = self._texts[file]
        after = text.line_end(self._last_line((*above, last), file))
        return _Change(file, after, after, text.newline + " " * (column - 1) + added)

    def _home(self, path: Path, mapping: Mapping[str, Any]) -> str:
        """Give the file to add a key of a mapping to: where several have a part in it, the one that has its first."""
        keys = self._document.places[id(mapping)].keys
        return self._document.file if not path or not keys else next(iter(keys.values()))[0]

    def _last_key(self, mapping: dict[str, Any], file: str) -> str | None:
        keys = self._document.places[id(mapping)].keys
        return next((key for key in reversed(mapping) if keys[key][0] == file), None)

    def _removal(self, path: Path) -> _Change:
        above = path[:-1]
        file, line, column = self._document.places[id(self._value(above))].keys[path[-1]][:3]
        text = self._texts[file]
        if not above or not self._in_brackets(above):
            after = text.line_end(self._last_line(path, file)) + len(text.newline)
            return _Change(file, text.offset(line, 1), min(after, len(text.text)), "")
        start, end = text.offset(line, column), text.span(self._place(path)[1])[1]
        before, rest = text.text[:start].rstrip(), text.text[end:]
        if before.endswith(","):
            return _Change(file, len(before) - 1, end, "")
        comma = len(rest) - len(rest.lstrip(", ")) if rest.lstrip().startswith(",") else 0
        return _Change(file, start, end + comma, "")

    def _in_brackets(self, path: Path) -> bool:
        text, place = self._place(path)
        return text.text[text.span(place)[0]] in {"{", "["}

    def _is_block(self, path: Path) -> bool:
        value = self._value(path)
        return isinstance(value, (dict, list)) and bool(value) and not self._in_brackets(path)

    def _last_line(self, path: Path, file: str) -> int:
        """Give the line of a file in which a value ends; a block ends with its last key's value."""
        value = self._value(path)
        _, place = self._place(path)
        if value is None:
            return place[1]
        if not self._is_block(path):
            return place[3]
        last = self._last_key(value, file) if isinstance(value, dict) else len(value) - 1
        return place[1] if last is None else self._last_line((*path, last), file)

    def _value(self, path: Path) -> Any:
        return self._document.value(path)

    def _place(self, path: Path) -> tuple["_Text", Place]:
        place = self._document.places[id(self._value(path[:-1]))].values[path[-1]]
        return self._texts[place[0]], place


class _Text:
    """A text by lines and columns from 1, as places have them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._mark = 1 if text.startswith("\ufeff") else 0
        self._starts = [0]
        for number, character in enumerate(text):
            if character == "\n":
                self._starts.append(number + 1)
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def offset(self, line: int, column: int) -> int:
        """Give where a line and column are in the text; past the last line: its end."""
        if line > len(self._starts):
            return len(self.text)
        return min(self._starts[line - 1] + column - 1 + (self._mark if line == 1 else 0), len(self.text))

    def span(self, place: Place) -> tuple[int, int]:
        """Give where a place begins and ends."""
        return self.offset(place[1], place[2]), self.offset(place[3], place[4])

    def line_end(self, line: int) -> int:
        """Give where a line ends, its line break left out."""
        end = self.text.find("\n", self.offset(line, 1))
        if end < 0:
            return len(self.text)
        return end - 1 if self.text[end - 1 : end] == "\r" else end


_SECRET = re.compile(r"(?<=://)[^/@\s'\"]+@")


def changed_lines(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Write what an edit changes as a unified diff; the user and password of an address are left out."""
    import difflib  # noqa: PLC0415 - only --diff pays for it

    return "".join(
        _SECRET.sub("…@", line)
        for file, text in after.items()
        for line in difflib.unified_diff(
            before[file].splitlines(keepends=True), text.splitlines(keepends=True), file, file
        )
    )
