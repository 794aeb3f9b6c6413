"""Lists and tuples: their items, one by one where each has a schema of its own."""

from allotment.contracts.schemas.sides import ANYTHING, Compare, Refusal, members
from allotment.contracts.shape import Schema


def refusal(written: Schema, read: Schema, compare: Compare) -> Refusal | None:
    """Say which item the reader does not take; how many there may be is compared elsewhere. Raises SchemaInvalid."""
    ours, theirs = members(written, "prefixItems"), members(read, "prefixItems")
    more, taken = written.get("items", ANYTHING), read.get("items", ANYTHING)
    most = written.get("maxItems")
    alone = max(len(ours), len(theirs))
    last = alone if most is None else min(alone, most)
    for place in range(int(last)):
        item = ours[place] if place < len(ours) else more
        found = compare(item, theirs[place] if place < len(theirs) else taken)
        if found is not None:
            return found.within(f"[{place}]")
    if most is not None and most <= alone:
        return None
    found = compare(more, taken)
    return None if found is None else found.within("[]")
