"""Which characters of a text an edit changes; comments and layout stay as they are."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allotment.rules.rule import Edit
from allotment.rules.verifying import is_json, read_alone
from allotment.source.document import Document, Path, Place

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What libyaml counts as the end of a line."""

_ANCHOR = re.compile(r"&[^\s,\[\]{}]+\s*")
_COMMA_AFTER = re.compile(r"\s*,[ ]*")
_BEFORE_ROOT = re.compile(r"(?:\s|\ufeff|#[^\n]*\n|%[^\n]*\n|---)*")


@dataclass(frozen=True, slots=True)
class Change:
    """Text to put in place of some characters, counted from 0; `start` equal to `end` puts it between."""

    start: int
    end: int
    text: str


def applied(text: str, changes: Iterable[Change]) -> str:
    """Make changes that touch no place in common; of what is put in at one place, the deepest comes first."""
    latest_first = list(changes)[::-1]
    pieces: list[str] = []
    last = 0
    for change in sorted(latest_first, key=lambda one: (one.start, one.end > one.start, -_indent(one.text))):
        pieces += (text[last : change.start], change.text)
        last = change.end
    return "".join((*pieces, text[last:]))


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


class Changes:
    """Changes that touch no place in common."""

    def __init__(self) -> None:
        self.all: dict[Change, None] = {}
        self._spans: list[tuple[int, int]] = []

    def add(self, change: Change) -> bool:
        """Add one, unless it is there already; False where another touches the same place."""
        if change in self.all:
            return True
        span = (change.start, change.end)
        place = bisect_right(self._spans, span)
        before, after = self._spans[:place][-1:], self._spans[place : place + 1]
        if any(end > change.start and start < change.end for start, end in (*before, *after)):
            return False
        self._spans.insert(place, span)
        self.all[change] = None
        return True


class Editor:
    """Finds which characters of a file that was read alone an edit changes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._text = Text(document.text)
        self._json = is_json(document.text)
        start = _BEFORE_ROOT.match(document.text)
        self._root = start.end() if start else 0
        self._first = self._first_paths()

    def _first_paths(self) -> dict[int, Path]:
        """Give where each mapping and list is written out, not where an alias stands for it."""
        found: dict[int, Path] = {}
        waiting: list[tuple[Path, Any]] = [((), self._document.root)]
        while waiting:
            path, value = waiting.pop()
            places = self._document.places.get(id(value))
            if places is None or id(value) in found:
                continue
            found[id(value)] = path
            waiting += (
                ((*path, step), value[step])
                for step, place in places.values.items()
                if isinstance(value[step], (dict, list)) and not self._is_alias(place)
            )
        return found

    def _written_out(self, path: Path) -> Path:
        """Give a path by what is written out itself: what is changed there changes at every alias."""
        value: Any = self._document.root
        own: Path = ()
        for number, step in enumerate(path[:-1]):
            places = self._document.places.get(id(value))
            if places is None or step not in places.values:
                return (*own, *path[number:])
            value = value[step]
            own = self._first.get(id(value), (*own, step))
        return (*own, *path[-1:])

    def _is_alias(self, place: Place) -> bool:
        return self._text.text.startswith("*", self._text.span(place)[0])

    def change(self, edit: Edit) -> Change | None:
        """Give the change; None where there is nothing to change, or nobody knows how."""
        path = self._written_out(edit.path)
        there = self._document.has(path)
        if edit.value is None:
            return self._removal(path) if there else None
        value = self._written(edit.value)
        return self._replacement(path, value) if there else self._addition(path, value)

    def _written(self, value: str) -> str:
        document = read_alone(value, "") if self._json else None
        return json.dumps(document.root, ensure_ascii=False) if document else value

    def _pair(self, key: str | int, value: str) -> str:
        return f"{json.dumps(key, ensure_ascii=False) if self._json else key}: {value}"

    def _replacement(self, path: Path, value: str) -> Change:
        start, end = self._text.span(self._place(path))
        if self._is_block(path):
            # it begins on a line of its own; the text takes the place of all its lines, beside the key
            key = self._document.places[id(self._value(path[:-1]))].keys.get(path[-1])
            if key is not None:
                start = self._text.offset(key[3], key[4]) + 1
            end = self._text.line_end(self._last_line(path))
            value = " " + value
        return Change(start, end, value if end > start else " " + value)

    def _addition(self, path: Path, value: str) -> Change | None:
        """Put a key that is not there below the nearest mapping above it that is."""
        depth = next(depth for depth in range(len(path) - 1, -1, -1) if depth == 0 or self._document.has(path[:depth]))
        for step in reversed(path[depth + 1 :]):
            value = f"{{{self._pair(step, value)}}}"
        above, added = path[:depth], self._pair(path[depth], value)
        mapping = self._value(above)
        if not isinstance(mapping, dict):
            return self._replacement(above, f"{{{added}}}") if above and mapping is None else None
        if self._in_brackets(above):
            return self._added_in_brackets(above, added, empty=not mapping)
        if not mapping:
            return None
        last = next(reversed(mapping))
        column = self._document.places[id(mapping)].keys[last][2]
        after = self._text.line_end(self._last_line((*above, last)))
        return Change(after, after, self._text.newline + " " * (column - 1) + added)

    def _added_in_brackets(self, above: Path, added: str, *, empty: bool) -> Change:
        start = self._start(above)
        end = self._text.span(self._place(above))[1] if above else len(self._text.text.rstrip())
        inner = self._text.text[start + 1 : end - 1].strip()
        if not empty and (len(_LINE_BREAK.split(inner, maxsplit=1)) > 1 or inner.endswith(",") or not above):
            # a comment at a line's end would swallow what is put after it
            return Change(start + 1, start + 1, f"{added}, ")
        if empty:
            return Change(start + 1, start + 1 if inner else end - 1, added)
        return Change(start, end, f"{{{inner}, {added}}}")

    def _removal(self, path: Path) -> Change | None:
        above = path[:-1]
        places = self._document.places[id(self._value(above))]
        if path[-1] not in places.keys:
            return None  # an item of a list
        _, line, column, *_ = places.keys[path[-1]]
        text = self._text
        if not self._in_brackets(above):
            return Change(text.offset(line, 1), text.offset(self._last_line(path) + 1, 1), "")
        start, end = text.offset(line, column), text.span(self._place(path))[1]
        ends = [text.span(place)[1] for place in places.values.values()]
        before = max((one for one in ends if one <= start), default=None)
        if before is not None and text.text[before:start].strip() == ",":
            return Change(text.text.index(",", before), end, "")
        comma = _COMMA_AFTER.match(text.text, end)
        return Change(start, comma.end() if comma else end, "")

    def _start(self, path: Path) -> int:
        """Give where a value begins, after the anchor it may have."""
        start = self._text.span(self._place(path))[0] if path else self._root
        anchor = _ANCHOR.match(self._text.text, start)
        return anchor.end() if anchor else start

    def _in_brackets(self, path: Path) -> bool:
        return self._text.text.startswith(("{", "["), self._start(path))

    def _is_block(self, path: Path) -> bool:
        value = self._value(path)
        if not isinstance(value, (dict, list)) or not value:
            return False
        return not (self._in_brackets(path) or (path and self._is_alias(self._place(path))))

    def _last_line(self, path: Path) -> int:
        """Give the line in which a value ends; a block ends with its last key's value."""
        value, place = self._value(path), self._place(path)
        if value is None:
            return place[1]
        if not self._is_block(path):
            return self._text.line_of(self._text.span(place)[1])
        return self._last_line((*path, next(reversed(value)) if isinstance(value, dict) else len(value) - 1))

    def _value(self, path: Path) -> Any:
        return self._document.value(path)

    def _place(self, path: Path) -> Place:
        return self._document.places[id(self._value(path[:-1]))].values[path[-1]]


class Text:
    """A text by lines and columns from 1, as places have them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._mark = 1 if text.startswith("\ufeff") else 0
        breaks = list(_LINE_BREAK.finditer(text))
        self._starts = [0, *(one.end() for one in breaks)]
        self._ends = [*(one.start() for one in breaks), len(text)]
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def offset(self, line: int, column: int) -> int:
        """Give where a line and column are in the text; past the last line: its end."""
        if line > len(self._starts):
            return len(self.text)
        return min(self._starts[line - 1] + column - 1 + (self._mark if line == 1 else 0), len(self.text))

    def span(self, place: Place) -> tuple[int, int]:
        """Give where a place begins and ends.

        libyaml ends a block scalar, and a block, at the beginning of the next line: here the last line before that says
        something.
        """
        _, line, column, last, end = place
        if end == 1 and last > line:
            last -= 1
            while last > line and not self.text[self._starts[last - 1] : self._ends[last - 1]].strip():
                last -= 1
            return self.offset(line, column), self._ends[last - 1]
        return self.offset(line, column), self.offset(last, end)

    def line_of(self, offset: int) -> int:
        """Give the line of a character."""
        return bisect_right(self._starts, offset)

    def line_end(self, line: int) -> int:
        """Give where a line ends, its line break left out."""
        return self._ends[min(line, len(self._ends)) - 1]
