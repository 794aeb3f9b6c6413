"""Figures as people and apps give them, which may be anything."""

from math import isfinite
from typing import Any


def number_of(value: Any) -> float | None:
    """Give a value as a number: a number itself, or text that is one; None for all else, and for what is not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def more_than_none(value: Any) -> float | None:
    """Give a value as a number more than 0; None for all else: that is how Celery writes that there is no limit."""
    number = number_of(value)
    return number if number is not None and number > 0 else None
