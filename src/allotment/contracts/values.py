"""Values on their way: checked and turned into JSON by the sender, checked and turned back by the receiver.

JSON is what every Celery accepts by default. Pydantic does both ways, strictly: no text is taken for a number, and a
date, UUID, Decimal, enum, dataclass or model arrives as what it was. Bytes travel in base64,
except in pydantic's own models, which say for themselves how they are written.
"""

import json
import re
from typing import Any

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import PydanticSerializationError

from allotment.contracts.arriving import difference
from allotment.errors import ContractInvalid

_CONFIG = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")
_AS_THEY_ARE: tuple[Any, ...] = (int, str, float, bool, None)
_MODULES = r"""('[^']*'|"[^"]*")|\b(?:[A-Za-z_]\w*\.)+"""
"""Texts, which stay, and the modules before a name, which do not."""
_WHOLE = 2**53
"""Up to this, and down to minus this, every whole number is a float too."""
_SHORT = 40
"""Characters of a value that are shown at most."""


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
        self._exact = False

    @property
    def adapter(self) -> TypeAdapter[list[Any]]:
        """Pydantic's adapter of a list of such values."""
        return self._adapter

    def be_exact(self) -> None:
        """Take it that values which are equal are the same: the type has room for nothing else."""
        self._exact = True

    def encode(self, value: Any) -> Any:
        """Check a value and give it as JSON's own types. Raises ValueRefused."""
        if type(value) is self._alone:
            return value
        if self._alone is float and type(value) is int and -_WHOLE <= value <= _WHOLE:
            return value  # as it is: one that may be meant for a parameter of whole numbers stays one
        try:
            (written,) = self._dump(self._check([value], strict=True), mode="json", by_alias=True, round_trip=True)
        except ValidationError as error:
            raise ValueRefused(told(error)) from None
        except (PydanticSerializationError, UnicodeError, OverflowError) as error:
            raise ValueRefused(f"it cannot be written as JSON: {error}") from None
        changed = self._changed(value, written)
        if changed is not None:
            raise ValueRefused(changed)
        return written

    def _changed(self, value: Any, written: Any) -> str | None:
        """Say what would arrive otherwise than it was sent; None: nothing."""
        try:
            arrived = self.decode(written)
        except ValueRefused as error:
            return f"it could not be read back: {error}"
        if self._exact and arrived == value:
            return None
        return difference(arrived, value)

    def decode(self, value: Any) -> Any:
        """Give what a received value stands for. Raises ValueRefused."""
        if type(value) is self._alone:
            return value
        try:
            return self._load(json.dumps([value]), strict=True)[0]
        except ValidationError as error:
            raise ValueRefused(told(error)) from None
        except (TypeError, ValueError, RecursionError):
            return self._received_as_it_was(value)

    def _received_as_it_was(self, value: Any) -> Any:
        """Take a value that is more than JSON: kombu sends dates, UUIDs and Decimals of plain producers as such."""
        try:
            return self._check([value], strict=True)[0]
        except ValidationError as error:
            raise ValueRefused(told(error)) from None


class _Nothing:
    """The type of no value."""


def _adapter(hint: Any, where: str) -> TypeAdapter[list[Any]]:
    """Make the adapter of a list of such values: of a class alone, pydantic takes no settings for what it holds."""
    try:
        listed: Any = list.__class_getitem__(hint)
        adapter: TypeAdapter[list[Any]] = TypeAdapter(listed, config=_CONFIG)
        adapter.json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError) as error:
        raise _unsupported(hint, where, error.message.partition("\n")[0].partition(". Set ")[0]) from None
    except (TypeError, ValueError, PydanticSerializationError) as error:  # of an enum's values, a key, a cycle
        raise _unsupported(hint, where, str(error).partition("\n")[0]) from None
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
    """Give what pydantic found, on one line; of a value no more than is short and plain: others may be secret."""
    found = error.errors(include_url=False, include_context=False)
    first = found[0]
    way = ".".join(str(step) for step in first["loc"][1:])
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    value = "" if first["type"] == "missing" else f", not {shown(first['input'], inside=bool(way))}"
    return f"{way + ': ' if way else ''}{first['msg'][:1].lower()}{first['msg'][1:]}{value}{more}"


def shown(value: Any, *, inside: bool) -> str:
    """Give a short plain value as it is written, of any other its type, and of a text inside another value as well."""
    short = isinstance(value, str) and len(value) <= _SHORT and not inside
    plain = value is None or isinstance(value, (bool, int, float)) or short
    return repr(value)[:_SHORT] if plain else f"a {type(value).__qualname__}"


def written(hint: Any) -> str:
    """Give a type as people write it: `int`, `list[Order]`, `datetime.date | None`."""
    if hint is None or hint is type(None):
        return "None"
    if isinstance(hint, type) and not hasattr(hint, "__args__"):
        return hint.__qualname__ if hint.__module__ == "builtins" else hint.__name__
    return re.sub(_MODULES, lambda found: found[1] or "", repr(hint)).replace("NoneType", "None")
