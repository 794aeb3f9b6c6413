"""Objects: fields by their names, and mappings of whatever names.

A reader drops a field that it does not know, as pydantic does by default, so that one is lost: of arguments, not of
results, whose reader asks for no more. A field that the writer works out (`readOnly`) holds nothing of its own: nobody
misses it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from allotment.contracts.schemas.sides import ANYTHING, NOTHING, Compare, Ends, Refusal, mapping, names
from allotment.contracts.shape import Schema

_A_TEXT: Schema = {"type": "string"}


def refusal(written: Schema, read: Schema, ends: Ends, compare: Compare) -> Refusal | None:
    """Say what of an object the reader lacks, loses or does not take. Raises SchemaInvalid."""
    return next(_refusals(written, read, ends, compare), None)


def _refusals(written: Schema, read: Schema, ends: Ends, compare: Compare) -> Iterator[Refusal]:
    yield from _lacking(written, read, ends)
    yield from _fields(written, read, ends, compare)
    yield from _patterns(written, read, ends, compare)
    if (more := additional(written)) is not None:
        yield from _open(more, written, read, ends, compare)


def _lacking(written: Schema, read: Schema, ends: Ends) -> Iterator[Refusal]:
    known = mapping(read, "properties")
    promised = frozenset(names(written, "required"))
    for name in names(read, "required"):
        if name not in promised and not is_worked_out(known.get(name)):
            leaves = "may leave out" if name in mapping(written, "properties") else "does not have"
            yield ends.refused(f"needs the field {name!r:.80}, which {ends.writer.called} {leaves}")


def _fields(written: Schema, read: Schema, ends: Ends, compare: Compare) -> Iterator[Refusal]:
    known, more = mapping(read, "properties"), additional(read)
    for name, schema in mapping(written, "properties").items():
        if name in known:
            found = compare(schema, known[name])
        elif more is not None:
            found = _name_taken(name, read, compare) or compare(schema, more)
        elif read.get("additionalProperties") is False:
            found = ends.refused(f"refuses the field {name!r:.80}")
        elif ends.may_drop or is_worked_out(schema):
            found = None
        else:
            found = ends.refused(f"does not know the field {name!r:.80}, which would be lost")
        if found is not None:
            yield found.within(f".{name}" if name in known or more is not None else "")


def _name_taken(name: str, read: Schema, compare: Compare) -> Refusal | None:
    return compare({"const": name}, read["propertyNames"]) if "propertyNames" in read else None


def _patterns(written: Schema, read: Schema, ends: Ends, compare: Compare) -> Iterator[Refusal]:
    ours, theirs = mapping(written, "patternProperties"), mapping(read, "patternProperties")
    if theirs and (list(theirs) != list(ours) or mapping(written, "properties")):
        yield ends.refused("takes only certain names of fields")
    for pattern, schema in ours.items():
        taken = theirs.get(pattern, additional(read))
        if taken is None and _drops(read, ends):
            continue
        found = ends.refused("takes fewer names of fields") if taken is None else compare(schema, taken)
        if found is not None:
            yield found.within("{}")


def _open(more: Any, written: Schema, read: Schema, ends: Ends, compare: Compare) -> Iterator[Refusal]:
    """Compare what fields of any other name hold: each could have a name that the reader knows."""
    taken = additional(read)
    if taken is None and not _drops(read, ends):
        yield ends.refused(f"takes only the fields that it knows, and {ends.writer.called} may write others")
        return
    if "propertyNames" in read or "propertyNames" in written:
        found = compare(written.get("propertyNames", _A_TEXT), read.get("propertyNames", _A_TEXT))
        if found is not None:
            yield found.within("{}")
    own = mapping(written, "properties")
    named = (schema for name, schema in mapping(read, "properties").items() if name not in own)
    for schema in named if taken is None else (taken, *named):
        found = compare(more, schema)
        if found is not None:
            yield found.within("{}")


def _drops(read: Schema, ends: Ends) -> bool:
    """Say whether the reader takes an object with fields that it does not know, and may drop these."""
    return ends.may_drop and "additionalProperties" not in read


def additional(schema: Schema) -> Any:
    """Give the schema of fields that an object does not name, None where there are none."""
    if "additionalProperties" not in schema:
        return None if "properties" in schema or "patternProperties" in schema else ANYTHING
    more = schema["additionalProperties"]
    return None if more is False or more == NOTHING else more


def is_worked_out(schema: Any) -> bool:
    """Say whether a field is worked out from others by whoever writes it."""
    return isinstance(schema, Mapping) and schema.get("readOnly") is True
