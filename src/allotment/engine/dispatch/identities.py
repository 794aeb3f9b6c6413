"""The ids of tasks that are sent together: one random beginning, and the number of each."""

import secrets
from collections.abc import Iterator, Sequence
from typing import overload

_DIGITS = 12
"""Hexadecimal digits of the number, the last group of a UUID."""


class Identities(Sequence[str]):
    """As many ids as there are numbers, of which none takes memory.

    Each has the form of a UUID of version 8, which leaves its bits to whoever makes it (RFC 9562, 5.8); 74 of them are
    random, the same for all.
    """

    def __init__(self, beginning: str | None = None, size: int = 0) -> None:
        self.beginning = beginning or _random_beginning()
        self.size = size

    def of(self, number: int) -> str:
        """Give the id with a number."""
        return f"{self.beginning}{number:012x}"

    def number(self, identity: str) -> int | None:
        """Give the number of an id; None: it is another's."""
        if not identity.startswith(self.beginning) or len(identity) != len(self.beginning) + _DIGITS:
            return None
        try:
            return int(identity[len(self.beginning) :], 16)
        except ValueError:
            return None

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[str]:
        return map(self.of, range(self.size))

    def __contains__(self, identity: object) -> bool:
        number = self.number(identity) if isinstance(identity, str) else None
        return number is not None and number < self.size

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self.of(each) for each in range(self.size)[number]]
        return self.of(range(self.size)[number])


def _random_beginning() -> str:
    bits = secrets.token_hex(10)
    variant = "89ab"[int(bits[15], 16) % 4]
    return f"{bits[:8]}-{bits[8:12]}-8{bits[12:15]}-{variant}{bits[16:19]}-"
