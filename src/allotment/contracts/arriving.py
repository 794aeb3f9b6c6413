"""Whether a value arrives as what was sent, its type included."""

import dataclasses
from datetime import datetime
from decimal import Decimal
from math import isnan
from typing import Any

from pydantic import BaseModel


def difference(arrived: Any, value: Any) -> str | None:
    """Say in what a value that arrived is not the one that was sent; None: in nothing.

    A whole number may arrive as the float that equals it. Values are not repeated, as they may be secret.
    """
    if type(arrived) is not type(value):
        return None if _is_float_of(arrived, value) else f"{_kind(value)} would arrive as {_kind(arrived)}"
    if isinstance(value, (list, tuple)):
        return _of_parts(dict(enumerate(arrived)), dict(enumerate(value)))
    if isinstance(value, dict):
        return _of_keys(arrived, value) or _of_parts(arrived, value)
    if isinstance(value, (set, frozenset)):
        alike = {(type(one), one) for one in arrived} == {(type(one), one) for one in value}
    elif dataclasses.is_dataclass(value):
        return _of_parts(
            *({one.name: getattr(side, one.name) for one in dataclasses.fields(side)} for side in (arrived, value))
        )
    elif isinstance(value, BaseModel):
        return _of_parts(_held(arrived), _held(value))
    else:
        alike = _is_same(arrived, value)
    return None if alike else f"{_kind(value)} would arrive with another value"


def _of_parts(arrived: dict[Any, Any], value: dict[Any, Any]) -> str | None:
    if arrived.keys() != value.keys():
        return "some of its parts would not arrive"
    for key, one in value.items():
        told = difference(arrived[key], one)
        if told is not None:
            return f"{key}: {told}"
    return None


def _of_keys(arrived: dict[Any, Any], value: dict[Any, Any]) -> str | None:
    kinds = ({(type(key), key) for key in side} for side in (arrived, value))
    return None if next(kinds) == next(kinds) else "its keys would arrive as others"


def _held(model: BaseModel) -> dict[str, Any]:
    return {**model.__dict__, **(model.__pydantic_extra__ or {}), **(model.__pydantic_private__ or {})}


def _is_float_of(arrived: Any, value: Any) -> bool:
    return type(arrived) is float and type(value) is int and arrived == value


def _is_same(arrived: Any, value: Any) -> bool:
    if isinstance(value, datetime):
        # the same moment, as far from UTC: not kept is which zone that was, and of an hour that comes twice, which one
        return bool(arrived == value and arrived.utcoffset() == value.utcoffset())
    if isinstance(value, float) and isnan(value):
        return isnan(arrived)
    if isinstance(value, Decimal):
        return str(arrived) == str(value)
    return bool(arrived == value)


def _kind(value: Any) -> str:
    return f"a {type(value).__qualname__}"
