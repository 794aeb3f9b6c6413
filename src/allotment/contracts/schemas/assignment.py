"""One comparison of two schemas, through all that they refer to.

Schemas that refer to themselves are taken for right until something speaks against them. What cannot be decided counts
as refused. A comparison ends soon whatever it is given, with SchemaInvalid where there is no end in sight.
"""

from collections.abc import Mapping
from typing import Any

from allotment.contracts.schemas import anything, lists, objects, texts, unions
from allotment.contracts.schemas.constraints import COMPARED, SchemaInvalid, allowed_values, fits, key_of, tighter
from allotment.contracts.schemas.sides import REMARKS, TYPES, Effort, Ends, Refusal, Side, asks_nothing, in_words
from allotment.contracts.shape import Schema

DEEPEST = 40
"""Pairs within pairs; a schema that refers to itself is looked at once."""

_COMPARED_ELSEWHERE = {
    "array": frozenset({"items", "prefixItems"}),
    "object": frozenset({"properties", "required", "additionalProperties", "patternProperties", "propertyNames"}),
}


class Assignment:
    """Compares what one side writes with what the other reads; `may_drop`: which may drop what it does not ask for."""

    def __init__(self, writer: Side, reader: Side, *, may_drop: bool = False) -> None:
        self._ends = Ends(writer, reader, Effort(), may_drop)
        self._whole = Assignment(writer, reader) if may_drop else self
        self._depth = 0
        self._found: dict[tuple[int, int], Refusal | None] = {}
        self._assumed: list[tuple[int, int]] = []
        self._kept: list[Any] = []

    def refusal(self, written: Any, read: Any) -> Refusal | None:
        """Say why the reader would not take all that may be written, None where it does. Raises SchemaInvalid."""
        pair = (id(written), id(read))
        if pair in self._found:
            return self._found[pair]
        self._kept += written, read  # or another schema might come to be in the same place
        before = len(self._assumed)
        self._assumed.append(pair)
        self._found[pair] = None
        self._depth += 1
        if self._depth > DEEPEST:
            raise SchemaInvalid(f"its schemas lead through more than {DEEPEST} levels")
        refusal = self._refusal(self._ends.writer.resolved(written), self._ends.reader.resolved(read))
        self._depth -= 1
        if refusal is not None:
            for assumed in self._assumed[before:]:  # found right only if this pair was
                del self._found[assumed]
            del self._assumed[before:]
            self._found[pair] = refusal
        return refusal

    def rounds(self, written: Any, read: Any) -> bool:
        """Say whether a whole number may be read as a float that is another. Raises SchemaInvalid."""
        return unions.rounds(written, read, self._ends)

    def _refusal(self, written: Schema, read: Schema) -> Refusal | None:
        self._ends.effort.spend(written, read)
        if asks_nothing(read):
            return self._as_json(written)
        return unions.refusal(written, read, self._ends, self.plain, self._whole.plain)

    def _as_json(self, written: Schema) -> Refusal | None:
        """Compare with a reader of anything."""
        return None if self._ends.may_drop else anything.refusal(written, self._ends, self.refusal)

    def plain(self, written: Schema, read: Schema) -> Refusal | None:
        """Compare two schemas that are no unions. Raises SchemaInvalid."""
        self._ends.effort.spend(written, read)
        if asks_nothing(read):
            return self._as_json(written)
        if (values := allowed_values(written)) is not None:
            return self._values(values, read)
        kind, taken = written.get("type"), read.get("type")
        same = kind == taken or (kind, taken) == ("integer", "number")
        if not isinstance(kind, str) or kind not in TYPES or "enum" in read or not same:
            return self._ends.mismatch(in_words(written), in_words(read))
        told = tighter(written, read, str(taken)) or _otherwise(written, read, kind)
        if told is None and kind == "string":
            told = texts.tighter(written, read)
        if told is not None:
            return self._ends.refused(told)
        if kind == "array":
            return lists.refusal(written, read, self.refusal)
        return objects.refusal(written, read, self._ends, self.refusal) if kind == "object" else None

    def _values(self, values: tuple[Any, ...], read: Schema) -> Refusal | None:
        taken = allowed_values(read)
        known = None if taken is None else {key_of(value) for value in taken}
        for value in values:
            if known is None:
                kind = str(read.get("type"))
                told = fits(value, read, kind) or _otherwise({}, read, kind)
            else:
                told = None if key_of(value) in known else f"takes no {value!r:.80}"
            if told is not None:
                return self._ends.refused(told)
        return None


def _otherwise(written: Schema, read: Schema, kind: str) -> str | None:
    """Say which keyword of the reader's is none that is compared, and not the writer's too."""
    known = REMARKS | COMPARED | texts.COMPARED | _COMPARED_ELSEWHERE.get(kind, frozenset()) | {"type"}
    for key in read:
        if key in known:
            continue
        if isinstance(read[key], (Mapping, list)):
            return f"asks something of it by {key!r:.40}, which cannot be compared"
        if read[key] != written.get(key):
            return f"asks that {key!r:.40} is {read[key]!r:.40}, which is not promised"
    return None
