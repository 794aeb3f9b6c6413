"""The JSON Schemas of a contract's types, which say to the other side what a value is."""

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from allotment.contracts.values import ValueType

_TOLD = ("title", "description", "examples", "deprecated", "default")
"""Keywords of a schema that say nothing of the values."""
_BOUNDS = ("ge", "gt", "le", "lt")
_NOW = ("now_op", "now_utc_offset")
_UNSAID: dict[Any, tuple[str, ...]] = {
    "decimal": (*_BOUNDS, "multiple_of", "max_digits", "decimal_places", "allow_inf_nan"),
    "date": (*_BOUNDS, *_NOW),
    "datetime": (*_BOUNDS, *_NOW, "tz_constraint"),
    "time": (*_BOUNDS, "tz_constraint"),
    "timedelta": _BOUNDS,
    "float": ("allow_inf_nan",),
    "complex": ("allow_inf_nan",),
    "str": ("strip_whitespace", "to_lower", "to_upper", "ascii_only"),
    "url": ("allowed_schemes", "host_required"),
    "multi-host-url": ("allowed_schemes", "host_required"),
}
"""By pydantic's types what these ask of a value and JSON Schema has no keyword for."""


class _Schemas(GenerateJsonSchema):
    """Pydantic's schemas, which write a Decimal, a complex number and a dictionary's keys as if they were texts.

    What they do not say of a value is written by the name that pydantic has for it.
    """

    def build_schema_type_to_method(self) -> dict[Any, Callable[[Any], dict[str, Any]]]:
        methods = super().build_schema_type_to_method()
        return methods | {kind: functools.partial(_said, methods[kind], keys) for kind, keys in _UNSAID.items()}

    def decimal_schema(self, _: Any) -> dict[str, Any]:
        return {"type": "string", "format": "decimal"}

    def complex_schema(self, schema: Any) -> dict[str, Any]:
        return {**super().complex_schema(schema), "format": "complex"}

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        written = super().dict_schema(schema)
        keys = schema.get("keys_schema")
        if keys is not None and keys["type"] not in ("str", "any") and "propertyNames" not in written:
            written["propertyNames"] = self.generate_inner(keys)
        return written


def _said(method: Callable[[Any], dict[str, Any]], keys: tuple[str, ...], schema: Any) -> dict[str, Any]:
    said = {key: _as_json(schema[key]) for key in keys if schema.get(key) is not None}
    return {**method(schema), **said}


def _as_json(value: Any) -> Any:
    """Give what a schema asks as JSON: a duration in seconds, all else that is none as a text."""
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value if isinstance(value, (bool, int)) else str(value)


def schemas(types: Mapping[str, ValueType]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Give the JSON Schema of each type by its key, and the definitions that these refer to, without what is prose."""
    found, shared = TypeAdapter.json_schemas(
        [(key, "serialization", one.adapter) for key, one in types.items()], schema_generator=_Schemas
    )
    return (
        {key: _bare(found[key, "serialization"].get("items", {})) for key in types},
        {name: _bare(schema) for name, schema in shared.get("$defs", {}).items()},
    )


def _bare(schema: Any) -> Any:
    """Take out what says nothing of the values; what a mapping of names holds is looked through one by one."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _bare(one) for name, one in value.items()}
        if key in ("properties", "$defs", "patternProperties")
        else value
        if key in ("enum", "const", "required")
        else _bare(value)
        for key, value in schema.items()
        if key not in _TOLD
    }


def is_exact(schema: Mapping[str, Any]) -> bool:
    """Say whether a schema has plain JSON alone, in lists or under texts: equal values of these are the same."""
    kind = schema.get("type")
    if kind == "array" and schema.keys() == {"type", "items"}:
        return is_exact(schema["items"])
    if kind == "object" and schema.keys() == {"type", "additionalProperties"}:
        inner = schema["additionalProperties"]
        return isinstance(inner, dict) and is_exact(inner)
    return schema.keys() == {"type"} and kind in ("integer", "string", "boolean", "null")
