"""Texts that stand for a Decimal, a date or a time: what each may be besides its format.

JSON Schema has no keywords for these, so they go by pydantic's names: `ge`, `gt`, `le`, `lt`, `multiple_of`,
`max_digits`, `decimal_places`. Bounds are written as the values are; those of a duration are seconds.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from allotment.contracts.schemas.constraints import SchemaInvalid, number_of
from allotment.contracts.shape import Schema

_READ: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "date": dt.date.fromisoformat,
    "date-time": dt.datetime.fromisoformat,
    "time": dt.time.fromisoformat,
    "duration": float,
}
_BOUNDS = (("ge", "at least", False), ("gt", "more than", True), ("le", "at most", False), ("lt", "less than", True))
_DOWNWARDS = ("ge", "gt")
_DIGITS = frozenset({"multiple_of", "max_digits", "decimal_places"})

COMPARED = _DIGITS | {"allow_inf_nan"} | {key for key, *_ in _BOUNDS}
"""The keywords that are compared here."""


def tighter(writer: Schema, reader: Schema) -> str | None:
    """Say what the reader of such a text asks that the writer does not promise. Raises SchemaInvalid."""
    return next(_tighter(writer, reader), None)


def _tighter(writer: Schema, reader: Schema) -> Iterator[str]:
    for key, words, beyond in _BOUNDS:
        if key in reader and not _promised(writer, key, _bound(reader, key), beyond=beyond):
            yield f"takes only what is {words} {reader[key]!s:.80}"
    if _DIGITS & reader.keys():
        yield from _tighter_digits(writer, reader)
    if writer.get("allow_inf_nan") is True and reader.get("allow_inf_nan") is not True:
        yield "takes no infinity"


def _promised(writer: Schema, key: str, asked: Any, *, beyond: bool) -> bool:
    """Say whether the writer's bounds of that side are as tight; a time with a zone is no bound of one without."""
    within, outside = ("ge", "gt") if key in _DOWNWARDS else ("le", "lt")
    for its in (within, outside):
        if its not in writer:
            continue
        bound = _bound(writer, its)
        try:
            further = bound > asked if key in _DOWNWARDS else bound < asked
        except TypeError:
            continue
        except ArithmeticError:
            raise SchemaInvalid(f"{its!r} is no bound") from None
        if further or (bound == asked and (its == outside or not beyond)):
            return True
    return False


def _bound(schema: Schema, key: str) -> Any:
    kind, value = schema.get("format"), schema[key]
    if not isinstance(kind, str) or kind not in _READ or isinstance(value, bool):
        raise SchemaInvalid(f"{key!r} is a bound of what has none")
    try:
        return _READ[kind](value)
    except (TypeError, ValueError, ArithmeticError):
        raise SchemaInvalid(f"{key!r} is no {kind}") from None


def _tighter_digits(writer: Schema, reader: Schema) -> Iterator[str]:
    for key, unit in (("max_digits", "digits"), ("decimal_places", "digits after the point")):
        most, written = number_of(reader, key), number_of(writer, key)
        if most is not None and not (written is not None and written <= most):
            yield f"takes no more than {most} {unit}"
    whole, written = _whole_digits(reader), _whole_digits(writer)
    if whole is not None and "decimal_places" in reader and not (written is not None and written <= whole):
        yield f"takes no more than {whole} digits before the point"
    if "multiple_of" in reader and not _is_multiple(writer, _bound(reader, "multiple_of")):
        yield f"takes only multiples of {reader['multiple_of']!s:.80}"


def _whole_digits(schema: Schema) -> float | None:
    """Give how many digits may be before the point: where both are limited, pydantic keeps the places free."""
    most = number_of(schema, "max_digits")
    return None if most is None else most - (number_of(schema, "decimal_places") or 0)


def _is_multiple(writer: Schema, step: Any) -> bool:
    if "multiple_of" not in writer:
        return False
    written = _bound(writer, "multiple_of")
    try:
        return bool(written == step or written % step == 0)
    except ArithmeticError:  # of zero, or with more digits than are reckoned with
        return False
