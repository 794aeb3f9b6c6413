"""What all workers of a supervisor share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from allotment.errors import FileInvalid
from allotment.local.ledger import Entry, Ledger
from allotment.local.supervision.reporter import Reporter


@dataclass
class Terms:
    """On what terms workers run.

    `grace` is how many seconds they get to finish what they run, `lifeline` the descriptor that ends with the
    supervisor; `at_once` is set when they are to stop now. `changed` is called when one has come to consume, or was
    given up.
    """

    reporter: Reporter
    ledger: Ledger
    grace: float
    lifeline: int
    changed: Callable[[], None]
    at_once: asyncio.Event = field(default_factory=asyncio.Event)
    _unwritten: bool = False

    def note(self, entry: Entry) -> None:
        """Write a worker into the ledger."""
        self._write(self.ledger.note, entry)

    def strike(self, entry: Entry) -> None:
        """Take a worker out of the ledger."""
        self._write(self.ledger.strike, entry)

    def _write(self, change: Callable[[Entry], None], entry: Entry) -> None:
        """Change the ledger; where that fails, the workers run on and a warning is given, once."""
        try:
            change(entry)
        except (OSError, FileInvalid) as error:
            if not self._unwritten:
                why = error.strerror if isinstance(error, OSError) else error.message
                self.reporter.warning(
                    f"the list of workers that run cannot be written ({why}); they run on, and should this process be"
                    " killed, the next `allot up` may not know all of them by their numbers"
                )
            self._unwritten = True
        else:
            self._unwritten = False
