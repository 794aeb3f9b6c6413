"""What is given for each task: its arguments."""

from collections.abc import Mapping, Sequence
from typing import Any

from allotment.errors import ArgumentsInvalid

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
"""By position, and by name."""

_NONE: Mapping[str, Any] = {}


def arguments_of(item: object, number: int) -> Arguments:
    """Give the arguments of an item: a tuple or list has them by position, a mapping by name.

    Raises ArgumentsInvalid for anything else, naming the item by its number from 0.
    """
    if isinstance(item, (tuple, list)):
        return item, _NONE
    if isinstance(item, Mapping):
        return (), item
    raise ArgumentsInvalid(
        f"item {number} is {_article(type(item).__name__)}, and the arguments of a task are a tuple or a mapping",
        hint="for a task of one argument give (value,) for each value",
    )


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
