"""Comments that ignore a rule at a place: `# allot: ignore[rule-name] why this is as it should be`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from allotment.errors import Where
from allotment.rules.subject import Ignore
from allotment.source.document import Document, Place

_MARK = "allot:"
_COMMENT = r"(?:^|(?<=\s))#\s*allot:.*?(?=\s*$|\s+#\s*allot:)"
_IGNORES = r"#\s*allot:\s*ignore\[([^\]]*)\]\s*(.*)"
_BLOCK = r"(?:[&!]\S*\s+)*[|>]"
"""How the text of a block begins, on the line before its own first."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment for Allotment: its text, where it stands, and the line it is for."""

    text: str
    where: Where
    target: int


def ignores_in(document: Document) -> tuple[Ignore, ...]:
    """Find the comments that ignore rules, in a document's files; what stands inside a value is none."""
    return tuple(_ignores(document))


def _ignores(document: Document) -> Iterator[Ignore]:
    for comment in comments_in(document):
        found = re.match(_IGNORES, comment.text)
        if found:
            where = comment.where
            place = (where.file, where.line or 0, where.column or 0, where.end_column or 0)
            yield Ignore(*place, comment.target, tuple(filter(None, map(str.strip, found[1].split(",")))), found[2])


def comments_in(document: Document) -> Iterator[Comment]:
    """Find the comments for Allotment; one alone on its line is for the next line that says something."""
    files = {file: text.splitlines() for file, text in document.texts.items() if _MARK in text}
    inside = [_spanned(place, files[place[0]]) for place in _values(document) if place[0] in files] if files else []
    for file, lines in files.items():
        values = [(first, last) for name, first, last in inside if name == file]
        for number, line in enumerate(lines, 1):
            yield from _in_line(file, lines, number, values) if _MARK in line else ()


_Point = tuple[int, int]
"""A line and a column."""


def _in_line(file: str, lines: list[str], number: int, values: list[tuple[_Point, _Point]]) -> Iterator[Comment]:
    line = lines[number - 1]
    for found in re.finditer(_COMMENT, line):
        start = (number, found.start() + 1)
        if any(first <= start < last for first, last in values):
            continue
        alone = line[: found.start()].lstrip()[:1] in {"", "#"}
        where = Where(file, *start, number, found.end() + 1)
        yield Comment(found[0], where, _next_said(lines, number) if alone else number)


def _next_said(lines: list[str], number: int) -> int:
    for place in range(number, len(lines)):
        said = lines[place].strip()
        if said and not said.startswith("#"):
            return place + 1
    return number


def _values(document: Document) -> Iterator[Place]:
    """Give the places of the texts, as values or keys, in which a comment may seem to stand."""
    waiting, seen = [one.root for one in (document, *document.parts)], set[int]()
    while waiting:
        holder = waiting.pop()
        places = document.places.get(id(holder))
        if places is None or id(holder) in seen:
            continue
        seen.add(id(holder))
        for key, place in places.values.items():
            value = holder[key]
            written = document.written.get((id(holder), key), value)
            if isinstance(written, str) and _MARK in written:
                yield place
            waiting.append(value)
        yield from (place for key, place in places.keys.items() if isinstance(key, str) and _MARK in key)


def _spanned(place: Place, lines: list[str]) -> tuple[str, _Point, _Point]:
    """Give the file, and from where to where a value reaches; a block begins after the line that announces it."""
    file, line, column, end_line, end_column = place
    block = re.match(_BLOCK, lines[line - 1][column - 1 :])
    return file, (line + 1, 1) if block else (line, column), (end_line, end_column)
