"""The two ends of a message, and what is said where they differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.contracts.schemas.constraints import SchemaInvalid, allowed_values
from allotment.contracts.shape import Schema

ANYTHING: Schema = {}
NOTHING: Schema = {"enum": []}
REMARKS = frozenset(
    ["title", "description", "examples", "default", "deprecated", "readOnly", "writeOnly", "$comment", "discriminator"]
)
"""Keywords that ask nothing of a value; what a discriminator asks is said by its members too."""

TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_FEW = 5

MOST_EFFORT = 30_000
"""Schemas that are looked at in one comparison, and what each has in it: some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value might not arrive whole: where in it, and a sentence."""

    path: str
    told: str

    def within(self, step: str) -> "Refusal":
        """Give the same, seen from one level further out."""
        return Refusal(step + self.path, self.told)


Compare = Callable[[Any, Any], Refusal | None]
"""Says why the reader's schema (second) does not take all that the writer's (first) lets be written."""


@dataclass(frozen=True, slots=True)
class Side:
    """One end: what it is called in sentences, and the definitions that its schemas refer to."""

    called: str
    definitions: Mapping[str, Schema]

    def resolved(self, schema: Any) -> Schema:
        """Follow references to the schema they lead to. Raises SchemaInvalid where they lead nowhere."""
        seen: set[str] = set()
        while isinstance(schema, Mapping) and "$ref" in schema:
            name = schema["$ref"]
            if not isinstance(name, str) or name in seen:
                raise SchemaInvalid(f"a reference in the schema of {self.called} leads back to itself")
            seen.add(name)
            folder, _, wanted = name.rpartition("/")
            if folder != "#/$defs" or wanted not in self.definitions:
                raise SchemaInvalid(f"the schema of {self.called} refers to {name!r:.80}, which is not there")
            schema = self.definitions[wanted]
        if isinstance(schema, bool):
            return ANYTHING if schema else NOTHING
        if not isinstance(schema, Mapping):
            raise SchemaInvalid(f"the schema of {self.called} has {schema!r:.80} where a schema belongs")
        return schema


class Effort:
    """Counts how much is looked at in one comparison."""

    def __init__(self) -> None:
        self._spent = 0

    def spend(self, *schemas: Schema) -> None:
        """Count a look at these schemas and at what each has in it. Raises SchemaInvalid at one too many."""
        self._spent += 1 + sum(breadth(schema) for schema in schemas)
        if self._spent > MOST_EFFORT:
            raise SchemaInvalid("its schemas refer to each other, or have members, in too many ways")


@dataclass(frozen=True, slots=True)
class Ends:
    """Who writes and who reads, what their comparison may still cost, and whether the reader may drop something.

    With `may_drop` it is enough that the reader gets all it asks for: what it does not know is not missed.
    """

    writer: Side
    reader: Side
    effort: Effort
    may_drop: bool = False

    def refused(self, told: str) -> Refusal:
        """Say what the reader does: the end of a sentence that begins with it."""
        return Refusal("", f"{self.reader.called} {told}")

    def mismatch(self, written: str, *read: str) -> Refusal:
        """Say that the one writes this and the other takes one of these, all in words."""
        kinds = tuple(dict.fromkeys(read))
        taken = " or ".join(kinds[:_FEW]) + (" or others" if len(kinds) > _FEW else "")
        return Refusal("", f"{self.writer.called} may write {written}, {self.reader.called} takes {taken or 'no such'}")


def asks_nothing(schema: Schema) -> bool:
    """Say whether a schema takes any value."""
    return all(key in REMARKS for key in schema)


def members(schema: Schema, key: str) -> tuple[Any, ...]:
    """Give the members of a union, or of another keyword that holds a list. Raises SchemaInvalid."""
    found = schema.get(key, ())
    if not isinstance(found, (list, tuple)):
        raise SchemaInvalid(f"{key!r} of a schema is no list")
    return tuple(found)


def names(schema: Schema, key: str) -> tuple[str, ...]:
    """Give the names that a keyword lists. Raises SchemaInvalid."""
    found = members(schema, key)
    if not all(isinstance(name, str) for name in found):
        raise SchemaInvalid(f"{key!r} of a schema holds what is no name")
    return found


def mapping(schema: Schema, key: str) -> Mapping[str, Any]:
    """Give what a keyword that holds an object has in it. Raises SchemaInvalid."""
    found = schema.get(key, {})
    if not isinstance(found, Mapping):
        raise SchemaInvalid(f"{key!r} of a schema is no object")
    return found


def breadth(schema: Schema) -> int:
    """Give how much there is to look at in a schema, without what is within that."""
    return sum(len(value) for value in schema.values() if isinstance(value, (Mapping, list, tuple, str)))


def in_words(schema: Schema) -> str:
    """Give in a few words what a schema takes."""
    if asks_nothing(schema):
        return "anything"
    values = allowed_values(schema)
    if values is not None:
        return ", ".join(f"{value!r:.40}" for value in values[:_FEW]) + (" or others" if len(values) > _FEW else "")
    kind = schema.get("type")
    told = TYPES.get(kind, "something else") if isinstance(kind, str) else "one of several types"
    return f"{told} of the format {schema['format']!r:.40}" if "format" in schema else told
