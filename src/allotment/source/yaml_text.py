"""YAML 1.2 to plain values that remember where they stood.

Reading is done on the events of libyaml's parser (a C parser; PyYAML's own one where it was built without): no object
is built that the text asks for, aliases are shared and never expanded, duplicate keys, tags and control characters are
refused, and depth and size are bounded, so a hostile file costs no more than an honest one of its length.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.source.document import Document, Place, Places
from allotment.source.environment import UnsetVariable, expand

EventParser: type[Any]
try:
    from yaml.cyaml import CParser as EventParser  # type: ignore[attr-defined]  # the stubs do not export it
except ImportError:  # PyYAML was built without libyaml: the same events, slower
    EventParser = yaml.SafeLoader

MOST_BYTES = 16 * 2**20
MOST_VALUES = 100_000
"""Names and values in one file: 10,000 tasks have 50,000."""
MOST_PROBLEMS = 100
"""After so many, reading stops: nobody reads on."""
MOST_KEY = 1024
"""Characters of a key: no name is longer than 255."""
MOST_DEPTH = 32
MOST_DIGITS = 30

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_NOT_PRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_BIDIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069]")


def read_document(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Read YAML text; `file` is its name in errors. Raises FileInvalid with everything found wrong."""
    return _Reader(text, file, environment).read()


class _Reader:
    """One pass over the parser's events."""

    def __init__(self, text: str, file: str, environment: Mapping[str, str]) -> None:
        self._text = text
        self._file = file
        self._environment = environment
        self._problems: list[FileProblem] = []
        self._places: dict[int, Places] = {}
        self._written: dict[tuple[int, str | int], str] = {}
        self._anchors: dict[str, Any] = {}
        self._keep: list[Any] = []
        self._last_written: str | None = None
        self._last: Any = None
        self._values = 0

    def read(self) -> Document:
        self._refuse_text()
        root = None
        try:
            root = self._read_events()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = Where(self._file, mark.line + 1, mark.column + 1) if mark else Where(self._file)
            what = error.problem or error.context or "cannot be read"
            lines = self._text.splitlines()
            line = lines[where.line - 1] if where.line and where.line <= len(lines) else ""
            raise self._invalid("yaml-syntax", f"not valid YAML: {what}", where, _syntax_hint(what, line)) from None
        except yaml.reader.ReaderError as error:
            number = _line_of_character(self._text)
            raise self._invalid(
                "yaml-character", f"not valid YAML: {error.reason}", Where(self._file, number), "remove that character"
            ) from None
        if self._problems:
            raise FileInvalid(tuple(self._problems))
        return Document(self._file, {self._file: self._text}, root, self._places, self._written)

    def _refuse_text(self) -> None:
        if len(self._text) > MOST_BYTES:
            raise self._invalid(
                "file-too-large",
                f"{len(self._text)} characters are more than a fleet file may have",
                Where(self._file),
                f"at most {MOST_BYTES}",
            )
        hidden = _BIDIRECTIONAL.search(self._text)
        if hidden:
            line = self._text.count("\n", 0, hidden.start()) + 1
            raise self._invalid(
                "yaml-character",
                f"an invisible control character (U+{ord(hidden[0]):04X}) changes the direction of the text",
                Where(self._file, line),
                "remove that character",
            )

    def _invalid(self, code: str, message: str, where: Where, hint: str) -> FileInvalid:
        return FileInvalid((*self._problems, FileProblem(code, message, where=where, hint=hint)))

    def _read_events(self) -> Any:
        parser = EventParser(self._text)
        try:
            parser.get_event()  # the stream begins
            if isinstance(parser.get_event(), yaml.StreamEndEvent):
                return None
            root = self._value(parser, parser.get_event(), 0)
            parser.get_event()  # the document ends
            after = parser.get_event()
            if not isinstance(after, yaml.StreamEndEvent):
                self._problem("yaml-documents", "a second document begins", after, "keep one fleet to a file")
            return root
        finally:
            parser.dispose()

    def _problem(self, code: str, message: str, event: Any, hint: str) -> None:
        mark = event.start_mark
        where = Where(self._file, mark.line + 1, mark.column + 1)
        self._problems.append(FileProblem(code, message, where=where, hint=hint))
        if len(self._problems) >= MOST_PROBLEMS:
            raise FileInvalid(tuple(self._problems))

    def _count(self, event: Any) -> None:
        """Count one more value. Raises FileInvalid past the limit."""
        self._values += 1
        if self._values > MOST_VALUES:
            where = Where(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
            hint = f"at most {MOST_VALUES}: write patterns in place of single tasks"
            raise self._invalid("file-too-large", "more values than a fleet file may have", where, hint)

    def _place(self, first: Any, last: Any) -> Place:
        """Give the place from the start of one event to the end of another; both from 1."""
        start, end = first.start_mark, last.end_mark
        return (self._file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _value(self, parser: Any, event: Any, depth: int) -> Any:
        self._count(event)
        self._last_written = None
        self._last = event
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event)
        self._refuse_tag(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
        elif depth >= MOST_DEPTH:
            where = Where(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
            raise self._invalid("yaml-depth", f"nested more than {MOST_DEPTH} deep", where, "a fleet file needs five")
        else:
            read: Callable[..., Any] = self._mapping if kind is yaml.MappingStartEvent else self._sequence
            value = read(parser, depth + 1)
            self._last_written = None  # what was inside is not this value's own
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None and not (type(event) is yaml.ScalarEvent and event.tag == "!"):
            self._problem("yaml-tag", f"the tag {event.tag!r} is not used here", event, "remove the tag")

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            self._problem("yaml-alias", f"nothing before is marked &{event.anchor}", event, "mark it, or write it out")
        return self._anchors.get(event.anchor)

    def _mapping(self, parser: Any, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        places = Places()
        self._places[id(result)] = places
        self._keep.append(result)
        while not isinstance(event := parser.get_event(), yaml.MappingEndEvent):
            key = self._key(parser, event, depth)
            if key in result:
                first = places.keys[key][1]
                self._problem("duplicate-key", f"{key!r} is here twice", event, f"it is also in line {first}; keep one")
            value_event = parser.get_event()
            value = self._value(parser, value_event, depth)
            if self._last_written is not None:
                self._written[id(result), key] = self._last_written
            result[key] = value
            places.keys[key] = self._place(event, event)
            places.values[key] = self._place(value_event, self._last)
        self._last = event
        return result

    def _key(self, parser: Any, event: Any, depth: int) -> str:
        self._count(event)
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event)
            if len(event.value) > MOST_KEY:
                self._problem("yaml-key", f"a key of {len(event.value)} characters", event, f"at most {MOST_KEY}")
            return event.value[:MOST_KEY]
        self._problem("yaml-key", "a key must be a plain name", event, "write name: value")
        value = self._value(parser, event, depth)
        return value if isinstance(value, str) else repr(type(value).__name__)

    def _sequence(self, parser: Any, depth: int) -> list[Any]:
        result: list[Any] = []
        places = Places()
        self._places[id(result)] = places
        self._keep.append(result)
        while not isinstance(event := parser.get_event(), yaml.SequenceEndEvent):
            item = self._value(parser, event, depth)
            places.values[len(result)] = self._place(event, self._last)
            result.append(item)
        self._last = event
        return result

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        written = None
        if "${" in text:
            written = text
            try:
                text = expand(text, self._environment)
            except UnsetVariable as error:
                self._problem("environment", str(error), event, f"set it, or write ${{{error.name}:-default}}")
        value = self._resolve(text, event) if event.style is None or event.style == "" else text
        self._last_written = written
        return value

    def _resolve(self, text: str, event: Any) -> Any:
        """Give a plain scalar's value by the core schema of YAML 1.2 (chapter 10.3)."""
        if text in _NULL:
            return None
        if text in _BOOLEAN:
            return _BOOLEAN[text]
        if text[0] not in "+-.0123456789":
            return text
        if re.fullmatch(_INTEGER, text):
            if len(text) > MOST_DIGITS:
                self._problem("yaml-number", f"a number of {len(text)} digits", event, "write a smaller one")
                return 0
            return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
        if len(text) > MOST_DIGITS or not re.fullmatch(_FLOAT, text):
            return text
        number = float(text)
        if math.isinf(number):
            self._problem("yaml-number", f"{text} is more than a number may be", event, "write a smaller one")
            return 0.0
        return number


def _line_of_character(text: str) -> int | None:
    """Give the line of the first character that YAML does not allow (YAML 1.2, chapter 5.1).

    libyaml gives the place in bytes of UTF-8 or of UTF-16, by how it was fed; this is the same for all.
    """
    found = re.search(_NOT_PRINTABLE, text)
    return text.count("\n", 0, found.start()) + 1 if found else None


def _syntax_hint(problem: str, line: str) -> str:
    before_text = line[: len(line) - len(line.lstrip())]
    if "\t" in before_text:
        return "indent with spaces, not tabs"
    if "character that cannot start" in problem or "alphabetic or numeric character" in problem:
        return "put the text in quotes: a value may not begin with *, &, @, % or `"
    return "check the indentation, the colons and the brackets around this line"
