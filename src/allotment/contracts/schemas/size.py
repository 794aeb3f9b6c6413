"""How deep and how large a shape may be: one that comes with a message was written by somebody else."""

from collections.abc import Mapping
from typing import Any

from allotment.contracts.schemas.constraints import SchemaInvalid
from allotment.contracts.shape import Shape

MOST_NODES = 10_000
"""Values in the schemas of one shape; a contract with a thousand fields has some 5,000."""

DEEPEST = 60
"""Levels of one schema."""

LARGEST = 10**300
"""No number is as large, or less than minus this."""


def check_size(shape: Shape) -> None:
    """Raise ValueError where a shape is deeper or larger than any contract, or no JSON."""
    waiting: list[tuple[Any, int]] = [(parameter.schema, 0) for parameter in shape.parameters]
    waiting += [(shape.result, 0), (shape.definitions, 0)]
    nodes = 0
    while waiting:
        value, depth = waiting.pop()
        inner = _inside(value)
        nodes += 1 + len(inner)
        if depth > DEEPEST:
            raise SchemaInvalid(f"a schema has more than {DEEPEST} levels")
        if nodes > MOST_NODES:
            raise SchemaInvalid(f"its schemas have more than {MOST_NODES} values")
        waiting += [(each, depth + 1) for each in inner]


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise SchemaInvalid("a key of a schema is no text")
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if value is None or isinstance(value, (str, bool)):
        return []
    if isinstance(value, (int, float)) and -LARGEST < value < LARGEST:
        return []
    raise SchemaInvalid(f"a schema holds a value that no schema has: {type(value).__name__}")
