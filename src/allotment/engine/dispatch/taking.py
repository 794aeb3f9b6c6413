"""Taking items ahead, and giving each its number and id."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from allotment.engine.dispatch.identities import Identities
from allotment.engine.dispatch.items import arguments_of
from allotment.engine.dispatch.writing import Outgoing
from allotment.errors import ArgumentsInvalid

AHEAD = 200
"""Items that are taken before they are written."""

PATIENCE = 0.05
"""Seconds that a taken item waits for others at most, where the iterator goes on."""


class Items:
    """An iterator of items, of which some are taken at a time; `unread` goes on where that has stopped."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.unread: Iterator[Any] = iter(items)
        self.identities = Identities()
        self.wrong: list[tuple[Outgoing, Exception]] = []
        """Items that are no arguments."""

    def some(self) -> list[Outgoing]:
        """Take some; none: there are no more."""
        found: list[Outgoing] = []
        until = time.monotonic() + PATIENCE
        for item in self.unread:
            outgoing = self._numbered(item)
            if outgoing is not None:
                found.append(outgoing)
            if len(found) >= AHEAD or time.monotonic() > until:
                if found:
                    break
                until = time.monotonic() + PATIENCE
        return found

    def _numbered(self, item: Any) -> Outgoing | None:
        number = self.identities.size
        self.identities.size += 1
        identity = self.identities.of(number)
        try:
            return Outgoing(number, identity, item, arguments_of(item, number))
        except ArgumentsInvalid as error:
            self.wrong.append((Outgoing(number, identity, item, ((), {})), error))
            return None
