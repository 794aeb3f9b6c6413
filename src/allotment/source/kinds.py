"""What a value of the fleet file may be: how it is read, and how an editor is told of it.

These are named tuples, which are made several times as quickly as data classes: every command waits for them.
"""

import reprlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from allotment.model.names import did_you_mean

Schema = dict[str, Any]


class Fault(NamedTuple):
    """One thing wrong with a value; `path` leads from the value to the part at fault."""

    message: str
    hint: str | None = None
    path: tuple[str | int, ...] = ()
    code: str = "bad-value"

    def below(self, step: str | int) -> "Fault":
        """Give the same fault as seen from the mapping or list that holds the value."""
        return Fault(self.message, self.hint, (step, *self.path), self.code)

    def with_hint(self, hint: str) -> "Fault":
        """Give the same fault with this hint, unless it has one."""
        return self if self.hint else Fault(self.message, hint, self.path, self.code)


class Rejected(Exception):
    """A value that does not fit, with all that is wrong with it."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


def _rejected(message: str, hint: str | None = None, code: str = "bad-value") -> Rejected:
    return Rejected(Fault(message, hint, (), code))


class Text(NamedTuple):
    """A string that a function of the model accepts; `pattern` or `words` tell editors which those are."""

    read_text: Callable[[str], str] = str
    pattern: str | None = None
    words: tuple[str, ...] = ()

    def read(self, value: Any) -> str:
        """Give the string. Raises Rejected."""
        if not isinstance(value, str):
            raise _rejected(
                f"{_shown(value)} is not text", "put it in quotes" if value is not None else "write a value"
            )
        try:
            return self.read_text(value)
        except ValueError as error:
            raise _rejected(str(error)) from None

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        if self.words:
            return {"enum": list(self.words)}
        return {"type": "string"} | ({"pattern": self.pattern} if self.pattern else {})


class Count(NamedTuple):
    """A whole number, not less than `least` and not over `most`, which brokers and systems can count to."""

    least: int = 1
    most: int = 2**31 - 1

    def read(self, value: Any) -> int:
        """Give the number. Raises Rejected."""
        if isinstance(value, bool) or not isinstance(value, int) or value < self.least:
            raise _rejected(f"{_shown(value)} is not a whole number of at least {self.least}")
        if value > self.most:
            raise _rejected(f"{_shown(value)} is more than {self.most}")
        return value

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Flag:
    """True or false."""

    def read(self, value: Any) -> bool:
        """Give the truth value. Raises Rejected."""
        if not isinstance(value, bool):
            raise _rejected(f"{_shown(value)} is neither true nor false")
        return value

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "boolean"}


class Quantity(NamedTuple):
    """A number with a unit, read by a function of `model.quantities`."""

    read_quantity: Callable[[object], float | int]

    def read(self, value: Any) -> float | int:
        """Give the number in the base unit. Raises Rejected."""
        try:
            return self.read_quantity(value)
        except ValueError as error:
            raise _rejected(str(error)) from None

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": ["string", "number"]}


class Choice(NamedTuple):
    """One of a few words."""

    words: type[StrEnum]

    def read(self, value: Any) -> StrEnum:
        """Give the member. Raises Rejected."""
        known = {str(word): word for word in self.words}
        if isinstance(value, str) and value in known:
            return known[value]
        otherwise = "use " + ", ".join(known)
        hint = did_you_mean(value, known, otherwise=otherwise) if isinstance(value, str) else otherwise
        raise _rejected(f"{_shown(value)} is not one of {', '.join(known)}", hint)

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"enum": [str(word) for word in self.words]}


class Scalar:
    """Text, a number, true or false, as it is."""

    def read(self, value: Any) -> str | int | float | bool:
        """Give the value. Raises Rejected."""
        if not isinstance(value, (str, int, float)):
            raise _rejected(f"{_shown(value)} is neither text nor a number, true or false")
        return value

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": ["string", "number", "boolean"]}


class Anything:
    """Any value: what it may be is for others to say."""

    def read(self, value: Any) -> Any:
        """Give the value."""
        return value

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {}


class ListOf(NamedTuple):
    """A list of values of one kind, none twice."""

    kind: "Kind"

    def read(self, value: Any) -> tuple[Any, ...]:
        """Give the items. Raises Rejected."""
        if not isinstance(value, list):
            raise _rejected(f"{_shown(value)} is not a list", f"write [{value}]" if isinstance(value, str) else None)
        items: list[Any] = []
        seen: set[str] = set()
        faults: list[Fault] = []
        for number, item in enumerate(value):
            try:
                read = self.kind.read(item)
            except Rejected as error:
                faults += (fault.below(number) for fault in error.faults)
                continue
            same = read if isinstance(read, str) else repr(read)
            if same in seen:
                faults.append(Fault(f"{_shown(item)} is listed twice", "keep one", (number,)))
            seen.add(same)
            items.append(read)
        if faults:
            raise Rejected(*faults)
        return tuple(items)

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "array", "items": self.kind.schema(), "uniqueItems": True}


class OneOrMany(NamedTuple):
    """A value of one kind, or a list of at least one such value."""

    kind: "Kind"

    def read(self, value: Any) -> Any:
        """Give the value as it is read, or a tuple of the list's items. Raises Rejected."""
        if not isinstance(value, list):
            return self.kind.read(value)
        if not value:
            raise _rejected("the list is empty")
        return ListOf(self.kind).read(value)

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"anyOf": [self.kind.schema(), ListOf(self.kind).schema() | {"minItems": 1}]}


class MappingOf(NamedTuple):
    """Names to values of one kind; a value left out is read as an empty mapping where `empty` says so."""

    name: Callable[[str], str]
    kind: "Kind"
    name_pattern: str | None = None
    empty: bool = False

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        inner = self.kind.schema()
        if self.empty:
            inner = {"anyOf": [inner, {"type": "null"}]}
        names = {"propertyNames": {"pattern": self.name_pattern}} if self.name_pattern else {}
        return {"type": "object", "additionalProperties": inner, **names}

    def read(self, value: Any) -> dict[str, Any]:
        """Give the names with their values. Raises Rejected."""
        if not isinstance(value, dict):
            raise _rejected(f"{_shown(value)} is not a mapping", "write name: value")
        result = {}
        faults: list[Fault] = []
        for name, inner in value.items():
            try:
                result[self.name(name)] = self.kind.read({} if inner is None and self.empty else inner)
            except ValueError as error:
                faults.append(Fault(str(error), None, (name,), "bad-name"))
            except Rejected as error:
                faults += (fault.below(name) for fault in error.faults)
        if faults:
            raise Rejected(*faults)
        return result


class Key(NamedTuple):
    """One key of a section: its kind, what it is for and an example, which editors show."""

    kind: "Kind"
    about: str
    example: Any
    required: bool = False


class Section(NamedTuple):
    """A mapping with known keys; `short`: a plain value may stand for the whole, read as this key's."""

    keys: Mapping[str, Key] = MappingProxyType({})
    short: str | None = None

    def read(self, value: Any) -> dict[str, Any]:
        """Give the values by key, those left out missing. Raises Rejected."""
        if self.short and isinstance(value, str):
            value = {self.short: value}
        if not isinstance(value, dict):
            raise _rejected(f"{_shown(value)} is not a mapping", f"it takes {', '.join(self.keys)}")
        result = {}
        faults: list[Fault] = []
        for name, inner in value.items():
            key = self.keys.get(name)
            if key is None:
                hint = did_you_mean(name, self.keys, otherwise=f"it takes {', '.join(self.keys)}")
                faults.append(Fault(f"unknown key {name!r}", hint, (name,), "unknown-key"))
            elif inner is not None or key.required:
                try:
                    result[name] = key.kind.read(inner)
                except Rejected as error:
                    faults += (
                        fault.below(name).with_hint(f"for example {name}: {key.example}") for fault in error.faults
                    )
        missing = [name for name, key in self.keys.items() if key.required and name not in value]
        faults += (
            Fault(f"{name!r} is missing", f"for example {name}: {self.keys[name].example}", (), "missing-key")
            for name in missing
        )
        if faults:
            raise Rejected(*faults)
        return result

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        properties = {
            name: key.kind.schema() | {"description": key.about, "examples": [key.example]}
            for name, key in self.keys.items()
        }
        required = [name for name, key in self.keys.items() if key.required]
        mapping = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            mapping["required"] = required
        if self.short:
            kind = self.keys[self.short].kind
            plain = kind.kind if isinstance(kind, OneOrMany) else kind
            return {"anyOf": [mapping, plain.schema()]}
        return mapping


Kind = Text | Count | Flag | Quantity | Choice | Scalar | Anything | ListOf | OneOrMany | MappingOf | Section


def _shown(value: Any) -> str:
    """Write a value for a message: a part of it where it is large, which aliases can make it without end."""
    text = _brief.repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


_LONGEST_SHOWN = 60
_brief = reprlib.Repr()
_brief.maxlevel, _brief.maxstring, _brief.maxlist, _brief.maxdict = 2, 60, 4, 4
