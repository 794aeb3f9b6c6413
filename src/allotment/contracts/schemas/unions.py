"""Unions: each member of the writer's must be taken by one of the reader's, and by no other as something else.

Pydantic takes a value for the member that fits it best. Where several fit, as a date and a text do, what a value is
taken for depends on the value and on the order of the members.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.contracts.schemas.constraints import allowed_values, key_of, type_of, within_floats
from allotment.contracts.schemas.objects import additional
from allotment.contracts.schemas.sides import (
    ANYTHING,
    Compare,
    Ends,
    Refusal,
    Side,
    asks_nothing,
    in_words,
    mapping,
    members,
    names,
)
from allotment.contracts.shape import Schema

_KEYS = ("anyOf", "oneOf", "allOf")
_NUMBERS = frozenset({"integer", "number"})


def alternatives(schema: Schema, side: Side) -> tuple[Schema, ...]:
    """Give the members of a union, resolved, of unions within it too; a schema that is none by itself.

    Values of several types that a schema lists are taken apart by their types. Raises SchemaInvalid.
    """
    found: list[Schema] = []
    waiting: list[Any] = [schema]
    seen: set[int] = set()
    while waiting:
        one = side.resolved(waiting.pop())
        if id(one) in seen:
            continue
        seen.add(id(one))
        inner = _members(one)
        if inner is None:
            found += _by_type(one)
        else:
            waiting += reversed(inner)
    return tuple(found)


def _members(schema: Schema) -> tuple[Any, ...] | None:
    key = next((key for key in _KEYS if key in schema), None)
    if key is None or {"type", "enum", "const", "properties"} & schema.keys():
        return None
    inner = members(schema, key)
    return None if key == "allOf" and len(inner) != 1 else inner


def _by_type(schema: Schema) -> list[Schema]:
    values, kind = allowed_values(schema), schema.get("type")
    if values is not None:
        by_type: dict[str, list[Any]] = {}
        for value in values:
            by_type.setdefault(type_of(value), []).append(value)
        return [{"type": its, "enum": same} for its, same in by_type.items()]
    return [{**schema, "type": one} for one in kind] if isinstance(kind, (list, tuple)) else [schema]


def refusal(written: Schema, read: Schema, ends: Ends, compare: Compare, whole: Compare) -> Refusal | None:
    """Say which member of the writer's the reader does not take, or might take for another. Raises SchemaInvalid.

    `compare` compares two schemas that are no unions, `whole` does so where nothing may be dropped.
    """
    kinds = read.get("discriminator")
    theirs = alternatives(read, ends.reader)
    pair = _Unions(alternatives(written, ends.writer), theirs, ends, compare, whole)
    for one in pair.ours:
        if isinstance(kinds, Mapping):
            found = pair.refused_by_all(one, _chosen(one, kinds, ends))
        else:
            found = pair.refused_by_all(one, theirs) or pair.ambiguous(one)
        if found is not None:
            return found
    return None


def rounds(written: Schema, read: Schema, ends: Ends) -> bool:
    """Say whether a whole number is read as a float, which has no number of its own for each beyond 2**53."""
    taken = {one.get("type") for one in alternatives(read, ends.reader) if isinstance(one.get("type"), str)}
    if "number" not in taken or "integer" in taken:
        return False
    whole = (one for one in alternatives(written, ends.writer) if one.get("type") == "integer")
    return any(allowed_values(one) is None and not within_floats(one) for one in whole)


@dataclass(frozen=True, slots=True)
class _Unions:
    """The members of both sides; one member where a side has no union."""

    ours: tuple[Schema, ...]
    theirs: tuple[Schema, ...]
    ends: Ends
    compare: Compare
    whole: Compare

    def refused_by_all(self, one: Schema, taken: tuple[Schema, ...]) -> Refusal | None:
        """Say why no member takes one of the writer's; values that it lists may be taken by several together."""
        alike = []
        for member in taken:
            found = self.compare(one, member)
            if found is None:
                return None
            if member.get("type") == one.get("type"):
                alike.append(found)
        values = allowed_values(one) or ()
        if len(values) > 1 and len(taken) > 1:
            each = (self.refused_by_all({**one, "enum": [value]}, taken) for value in values)
            return next((found for found in each if found is not None), None)
        if len(alike) == 1:
            return alike[0]
        return self.ends.mismatch(in_words(one), *(in_words(member) for member in taken))

    def ambiguous(self, one: Schema) -> Refusal | None:
        """Say whether a value could be taken for another member than the one that takes it.

        It could at the writer's already where both have the two in the same order: then that one is right for both.
        """
        if len(self.theirs) == 1:
            return None
        own = _first(self.theirs, lambda member: self.whole(one, member) is None)
        whole = own is not None
        if not whole:
            own = _first(self.theirs, lambda member: self.compare(one, member) is None)
        for number, member in enumerate(self.theirs):
            self.ends.effort.spend(member)
            if number == own or not _may_be_taken_for(one, member, self.ends, whole=whole):
                continue
            if own is None or self._comes_before(one, member) is not (number < own):
                return self.ends.refused(f"might take {in_words(one)} for {in_words(member)}: its union has both")
        return None

    def _comes_before(self, one: Schema, member: Schema) -> bool | None:
        """Say whether the writer's own union has the member, and before this one; None where it does not have it."""
        place = _first(self.ours, lambda its: its is one)
        other = _first(self.ours, lambda its: its is not one and self.compare(its, member) is None)
        return None if place is None or other is None else other < place


def _first(schemas: tuple[Schema, ...], holds: Callable[[Schema], bool]) -> int | None:
    return next((number for number, schema in enumerate(schemas) if holds(schema)), None)


def _chosen(one: Schema, kinds: Mapping[str, Any], ends: Ends) -> tuple[Schema, ...]:
    """Give the member that the discriminator chooses for an object; none where it may choose none."""
    field, leads = kinds.get("propertyName"), mapping(kinds, "mapping")
    fields = mapping(one, "properties")
    if not isinstance(field, str) or field not in fields:
        return ()
    values = allowed_values(ends.writer.resolved(fields[field])) or ()
    chosen = [leads.get(str(value)) for value in values]
    if not chosen or chosen[0] is None or any(lead != chosen[0] for lead in chosen):
        return ()
    return alternatives({"$ref": chosen[0]}, ends.reader)


def _may_be_taken_for(one: Schema, member: Schema, ends: Ends, *, whole: bool) -> bool:
    """Say whether a value of the one could be a value of the member, and then be something else.

    `whole`: another member takes all of it, and pydantic prefers the one that fills the most fields.
    """
    kind = one.get("type")
    if asks_nothing(member):
        return kind in ("object", "array") or "format" in one
    if kind == "boolean":
        return any(value in (0, 1) for value in allowed_values(member) or ())  # Python takes true for 1
    if kind != member.get("type"):
        return False
    if kind == "string":
        return one.get("format") != member.get("format")
    if kind == "object":
        return not _objects_differ(one, member, ends, whole=whole)
    return kind == "array" and not _lists_differ(one, member, ends)


def _lists_differ(one: Schema, member: Schema, ends: Ends) -> bool:
    """Say whether only an empty list could be both, which is the same in both."""
    if not one.keys() | member.keys() <= {"type", "items", "minItems", "maxItems"}:
        return False
    return _differ(
        ends.writer.resolved(one.get("items", ANYTHING)), ends.reader.resolved(member.get("items", ANYTHING))
    )


def _objects_differ(one: Schema, member: Schema, ends: Ends, *, whole: bool) -> bool:
    """Say whether no object of the one can be the other, or would fill fewer of its fields."""
    ours, theirs = mapping(one, "properties"), mapping(member, "properties")
    if additional(one) is None and any(name not in ours for name in names(member, "required")):
        return True
    if whole and additional(member) is None and any(name not in theirs for name in names(one, "required")):
        return True
    both = (name for name in ours if name in theirs)
    return any(_differ(ends.writer.resolved(ours[name]), ends.reader.resolved(theirs[name])) for name in both)


def _differ(written: Schema, read: Schema) -> bool:
    """Say whether no value fits both, as far as it shows at once: other types, or other single values."""
    values, taken = allowed_values(written), allowed_values(read)
    if values is not None and taken is not None:
        return not {key_of(value) for value in values} & {key_of(value) for value in taken}
    kind, its = written.get("type"), read.get("type")
    return isinstance(kind, str) and isinstance(its, str) and kind != its and not {kind, its} <= _NUMBERS
