"""Values on their way: checked and turned into JSON by the sender, checked and turned back by the receiver.

JSON is what every Celery accepts by default. Pydantic does both ways, strictly: no text is taken for a number, and a
date, UUID, Decimal, enum, dataclass or model arrives as what it was. Bytes travel in base64,
except in pydantic's own models, which say for themselves how they are written.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError

from allotment.errors import ContractInvalid

_CONFIG = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")
_AS_THEY_ARE: tuple[Any, ...] = (int, str, float, bool, None)
_MODULES = r"""('[^']*'|"[^"]*")|\b(?:[A-Za-z_]\w*\.)+"""
"""Texts, which stay, and the modules before a name, which do not."""
_TOLD = ("title", "description", "examples", "deprecated", "default")


class ValueRefused(ValueError):
    """A value is not of its type; the text says how."""


class ValueType:
    """A type that a contract names. Raises ContractInvalid for one that cannot travel.

    `where` says in the error which parameter has it, `hint` is the annotation as Python evaluates it.
    """

    def __init__(self, hint: Any, where: str) -> None:
        self._adapter = adapter = _adapter(hint, where)
        self._alone = hint if hint in _AS_THEY_ARE else _Nothing
        self._alone = type(None) if self._alone is None else self._alone
        self._check = adapter.validator.validate_python
        self._dump = adapter.serializer.to_python
        self._load = adapter.validator.validate_json
        self._compared = False

    @property
    def adapter(self) -> TypeAdapter[list[Any]]:
        """Pydantic's adapter of a list of such values."""
        return self._adapter

    def compare_from_now_on(self) -> None:
        """Look at each value as it would arrive before it is sent: its type alone does not say that it is the same."""
        self._compared = True

    def encode(self, value: Any) -> Any:
        """Check a value and give it as JSON's own types. Raises ValueRefused."""
        if type(value) is self._alone:
            return value
        try:
            (written,) = self._dump(self._check([value], strict=True), mode="json", by_alias=True, round_trip=True)
            if self._compared and not _alike(arrived := self.decode(written), value):
                raise ValueRefused(f"{value!r:.100} would arrive as {arrived!r:.100}: say its type more narrowly")
        except ValidationError as error:
            raise ValueRefused(told(error)) from None
        except (PydanticSerializationError, UnicodeError) as error:
            raise ValueRefused(f"it cannot be written as JSON: {error}") from None
        return written

    def decode(self, value: Any) -> Any:
        """Give what a received value stands for. Raises ValueRefused."""
        if type(value) is self._alone:
            return value
        try:
            return self._load(json.dumps([value]), strict=True)[0]
        except ValidationError as error:
            raise ValueRefused(told(error)) from None
        except (TypeError, ValueError):
            return self._received_as_it_was(value)

    def _received_as_it_was(self, value: Any) -> Any:
        """Take a value that is more than JSON: kombu sends dates, UUIDs and Decimals of plain producers as such."""
        try:
            return self._check([value], strict=True)[0]
        except ValidationError as error:
            raise ValueRefused(told(error)) from None


def _alike(arrived: Any, value: Any) -> bool:
    """Say whether a value is the one that was sent, its type included: 1 is no True, and no member of an enum."""
    if type(arrived) is not type(value):
        return False
    if isinstance(value, dict):
        return arrived.keys() == value.keys() and all(_alike(arrived[key], one) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return len(arrived) == len(value) and all(map(_alike, arrived, value))
    return bool(arrived == value) or repr(arrived) == repr(value)  # what is not equal to itself may look the same


class _Nothing:
    """The type of no value."""


def _adapter(hint: Any, where: str) -> TypeAdapter[list[Any]]:
    """Make the adapter of a list of such values: of a class alone, pydantic takes no settings for what it holds."""
    try:
        listed: Any = list.__class_getitem__(hint)
        adapter: TypeAdapter[list[Any]] = TypeAdapter(listed, config=_CONFIG)
        adapter.json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        raise _unsupported(hint, where, str(error).partition("\n")[0].partition(". Set ")[0]) from None
    except PydanticUserError as error:
        raise _unsupported(hint, where, error.message.partition("\n")[0]) from None
    inner: Any = adapter.core_schema.get("items_schema", {})
    if inner.get("type") in ("generator", "callable", "is-instance", "is-subclass"):
        raise _unsupported(hint, where, "it is not data")
    return adapter


def _unsupported(hint: Any, where: str, why: str) -> ContractInvalid:
    return ContractInvalid(
        f"{where} has the type {written(hint)}, which cannot travel: {why}",
        hint="use JSON's own types, dates, UUID, Decimal, enums, dataclasses, TypedDict or pydantic models, "
        "and list, dict, set or tuple of these",
    )


def told(error: ValidationError) -> str:
    """Give what pydantic found, on one line, without the value where it is long."""
    found = error.errors(include_url=False, include_context=False)
    first = found[0]
    way = ".".join(str(step) for step in first["loc"][1:])
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{way + ': ' if way else ''}{first['msg'][:1].lower()}{first['msg'][1:]}, not {first['input']!r:.80}{more}"


def written(hint: Any) -> str:
    """Give a type as people write it: `int`, `list[Order]`, `datetime.date | None`."""
    if hint is None or hint is type(None):
        return "None"
    if isinstance(hint, type) and not hasattr(hint, "__args__"):
        return hint.__qualname__ if hint.__module__ == "builtins" else hint.__name__
    return re.sub(_MODULES, lambda found: found[1] or "", repr(hint)).replace("NoneType", "None")


class _Schemas(GenerateJsonSchema):
    """Pydantic's schemas, which write a Decimal, a complex number and a dictionary's keys as if they were texts."""

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


def may_change(schema: Any, definitions: Mapping[str, Any]) -> bool:
    """Say whether two different values could be written alike.

    That is so where a schema leaves open what a value is, takes one of several types, or an object, whose class may
    have a subclass with more to it.
    """
    waiting, seen = [schema], set[str]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        if not isinstance(one, dict):
            continue
        if _is_open(one):
            return True
        name = one.get("$ref", "").rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            waiting.append(definitions.get(name))
        for key, value in one.items():
            waiting += value.values() if key in ("properties", "patternProperties") else [value]
    return False


def _is_open(schema: Mapping[str, Any]) -> bool:
    if not schema or schema.get("additionalProperties") is True or schema.keys() & {"propertyNames", "properties"}:
        return True
    if schema.get("type") == "array" and not schema.keys() & {"items", "prefixItems"} and schema.get("maxItems") != 0:
        return True
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return len(choices) > 1 or ("oneOf" in schema and "discriminator" not in schema)
