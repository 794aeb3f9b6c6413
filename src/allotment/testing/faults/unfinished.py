"""Which confirmed messages have not come to an end yet."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from allotment.testing.faults.journal import Journal
from allotment.testing.faults.ledger import Ledger


class Unfinished:
    """The messages of a journal, from the one at `first` on, that a ledger has no end of.

    A look costs what was written since the last one, so that many looks cost no more than one.
    """

    def __init__(self, journal: Journal, ledger: Ledger, first: int = 0) -> None:
        self._journal = journal
        self._ledger = ledger
        self._confirmed = first
        self._completed = 0
        self._ids: set[str] = set()

    def look(self) -> AbstractSet[str]:
        """Read on in both, and give the ids that are left."""
        confirmed = self._journal.read().confirmed
        ledger = self._ledger.read()
        new = (one.id for one in confirmed[self._confirmed :])
        self._ids.update(one for one in new if one not in ledger.finished)
        self._ids.difference_update([run.id for run in ledger.completed[self._completed :]])
        self._confirmed, self._completed = len(confirmed), len(ledger.completed)
        return self._ids

    def leave_out(self, ids: Iterable[str]) -> None:
        """Count these as ended, because somebody else says so."""
        self._ids.difference_update(ids)
