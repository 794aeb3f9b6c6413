"""What becomes of a value at a reader that takes anything: it gets JSON as it is, with nothing turned back."""

from allotment.contracts.schemas.constraints import allowed_values
from allotment.contracts.schemas.objects import additional
from allotment.contracts.schemas.sides import (
    ANYTHING,
    TYPES,
    Compare,
    Ends,
    Refusal,
    asks_nothing,
    in_words,
    mapping,
)
from allotment.contracts.schemas.unions import alternatives
from allotment.contracts.shape import Schema

_CLASSES = {
    "string": (frozenset({"format"}), "a text"),
    "array": (frozenset({"prefixItems", "uniqueItems"}), "a list"),
    "object": (frozenset({"properties"}), "a dictionary"),
}
"""By what it is seen that the writer's value is more than JSON, and what arrives in its place."""


def refusal(written: Schema, ends: Ends, compare: Compare) -> Refusal | None:
    """Say what arrives as something else than it was, None where all is JSON's own. Raises SchemaInvalid."""
    found = (_changed(one, ends, compare) for one in alternatives(written, ends.writer))
    return next((one for one in found if one is not None), None)


def _changed(one: Schema, ends: Ends, compare: Compare) -> Refusal | None:
    if asks_nothing(one) or allowed_values(one) is not None:
        return None
    kind = one.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        return ends.mismatch(in_words(one), "anything, as JSON has it")
    signs, instead = _CLASSES.get(kind, (frozenset(), ""))
    if signs & one.keys():
        return ends.refused(f"takes anything as it travels: {instead} in place of {_in_words(one)}")
    if kind == "array":
        found = compare(one.get("items", ANYTHING), ANYTHING)
        return None if found is None else found.within("[]")
    return _of_entries(one, ends, compare) if kind == "object" else None


def _of_entries(one: Schema, ends: Ends, compare: Compare) -> Refusal | None:
    if "propertyNames" in one:
        keys = ends.writer.resolved(one["propertyNames"])
        if allowed_values(keys) is None and (keys.get("type") != "string" or "format" in keys):
            return ends.refused(f"takes anything as it travels: texts in place of keys of {in_words(keys)}")
    more = additional(one)
    for inner in (*mapping(one, "patternProperties").values(), *(() if more is None else (more,))):
        found = compare(inner, ANYTHING)
        if found is not None:
            return found.within("{}")
    return None


def _in_words(one: Schema) -> str:
    if "format" in one:
        return f"the format {one['format']!r:.40}"
    return "a set or a tuple" if one.get("type") == "array" else "an object of a class"
