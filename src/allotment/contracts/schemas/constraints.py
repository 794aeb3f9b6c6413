"""What a schema asks of a value besides its type: bounds, lengths, formats, and single values.

Each function gives what the reader does not take, as the end of a sentence that begins with the reader; None where it
takes everything that the writer may write.
"""

from collections.abc import Hashable, Iterator
from typing import Any

from allotment.contracts.shape import Schema


class SchemaInvalid(ValueError):
    """A schema that is none, or that is too large to compare; the text says why."""


_SIZES = {
    "string": ("minLength", "maxLength", "characters"),
    "array": ("minItems", "maxItems", "items"),
    "object": ("minProperties", "maxProperties", "entries"),
}
_BOUNDS = {1: ("minimum", "exclusiveMinimum"), -1: ("maximum", "exclusiveMaximum")}
_NUMBERS = frozenset({"integer", "number"})

COMPARED = frozenset(
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "format", "uniqueItems"]
    + [key for least, most, _ in _SIZES.values() for key in (least, most)]
)
"""The keywords that are compared here."""


def type_of(value: Any) -> str:
    """Give the JSON Schema type of a value."""
    if value is None:
        return "null"
    kinds: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def key_of(value: Any) -> Hashable:
    """Give what is equal for equal JSON values alone: 1, 1.0 and true are three values, and no two lists are equal."""
    return (type_of(value), value if isinstance(value, Hashable) else id(value))


def allowed_values(schema: Schema) -> tuple[Any, ...] | None:
    """Give the single values a schema lists, None where it lists none. Raises SchemaInvalid."""
    if "const" in schema:
        return (schema["const"],)
    if "enum" not in schema:
        return None
    values = schema["enum"]
    if not isinstance(values, (list, tuple)):
        raise SchemaInvalid("'enum' is no list")
    return tuple(values)


def tighter(writer: Schema, reader: Schema, kind: str) -> str | None:
    """Say what the reader of a value of this type asks that the writer does not promise. Raises SchemaInvalid."""
    return next(_tighter(writer, reader, kind), None)


def _tighter(writer: Schema, reader: Schema, kind: str) -> Iterator[str]:
    if reader.get("format", None) != writer.get("format", None):
        yield f"takes {_format_of(reader)} where {_format_of(writer)} is written"
    if "pattern" in reader and reader["pattern"] != writer.get("pattern"):
        yield f"takes only what matches {reader['pattern']!r}"
    if reader.get("uniqueItems") and not writer.get("uniqueItems"):
        yield "keeps no order and no value twice"
    if kind in _SIZES:
        yield from _tighter_size(writer, reader, kind)
    elif kind in _NUMBERS:
        yield from _tighter_number(writer, reader, kind)


def _tighter_size(writer: Schema, reader: Schema, kind: str) -> Iterator[str]:
    least_key, most_key, unit = _SIZES[kind]
    least, most = number_of(reader, least_key) or 0, number_of(reader, most_key)
    if not (number_of(writer, least_key) or 0) >= least:
        yield f"takes no fewer than {least} {unit}"
    written = number_of(writer, most_key)
    if most is not None and not (written is not None and written <= most):
        yield f"takes no more than {most} {unit}"


def _tighter_number(writer: Schema, reader: Schema, kind: str) -> Iterator[str]:
    may_be_infinite = writer.get("type") == "number" and writer.get("allow_inf_nan") is not False
    if may_be_infinite and reader.get("allow_inf_nan") is False:
        yield "takes no infinity"
    for side, words in ((1, "least"), (-1, "most")):
        asked, promised = _bound(reader, kind, side), _bound(writer, kind, side)
        if asked is not None and not (promised is not None and promised >= asked):
            yield f"takes at {words} {side * asked[0]}" + (", which is not included" if asked[1] else "")
    step, written = number_of(reader, "multipleOf"), number_of(writer, "multipleOf")
    if step is not None and not _is_multiple(written, step):
        yield f"takes only multiples of {step}"


def _bound(schema: Schema, kind: str, side: int) -> tuple[float, bool] | None:
    """Give the lower bound (side 1) or the upper one (side -1) times the side, and whether it is left out itself.

    The greater of two is the tighter. Of whole numbers the next one is given in place of one that is left out.
    """
    within, beyond = (number_of(schema, key) for key in _BOUNDS[side])
    found: list[tuple[float, bool]] = []
    if within is not None:
        found.append((side * within, False))
    if beyond is not None:
        whole = kind == "integer" and isinstance(beyond, int)
        found.append((side * beyond + 1, False) if whole else (side * beyond, True))
    return max(found) if found else None


def within_floats(schema: Schema) -> bool:
    """Say whether a schema of whole numbers has only such that a float has too. Raises SchemaInvalid."""
    bounds = (_bound(schema, "integer", side) for side in _BOUNDS)
    return all(bound is not None and bound[0] >= -(2**53) for bound in bounds)


def _is_multiple(written: float | None, step: float) -> bool:
    if isinstance(written, int) and isinstance(step, int) and step:
        return written % step == 0
    return written is not None and written == step


def number_of(schema: Schema, key: str) -> float | None:
    """Give the number that a keyword holds, None where it is not there. Raises SchemaInvalid."""
    value = schema.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SchemaInvalid(f"{key!r} is no number")
    return value


def _format_of(schema: Schema) -> str:
    return f"the format {schema['format']!r}" if "format" in schema else "no particular format"


def fits(value: Any, reader: Schema, kind: str) -> str | None:
    """Say why a reader of this type does not take one value; None where it does. Raises SchemaInvalid."""
    actual = type_of(value)
    if actual in ("array", "object") or (actual != kind and not (actual == "integer" and kind == "number")):
        return f"takes no {value!r}"
    exact: dict[str, Any] = {}
    if actual in _NUMBERS:
        exact = {"minimum": value, "maximum": value, "multipleOf": value}
    elif actual in _SIZES:
        least, most, _ = _SIZES[actual]
        exact = {least: len(value), most: len(value)}
    return None if tighter(exact, reader, kind) is None else f"takes no {value!r}"
