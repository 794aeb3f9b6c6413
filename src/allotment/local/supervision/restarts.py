"""When a worker that ended is started again."""

from dataclasses import dataclass

from allotment.errors import ExitCode

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STEADY = 10.0
"""A worker that consumed and ran for so many seconds is taken for sound again."""
MOST_FAILURES = 5
"""A worker that ends so often in a row, and has never consumed, is given up."""

_HOPELESS = frozenset({ExitCode.BAD_INPUT})
"""What a worker ends with that cannot do its work: from one that never consumed, waiting would not mend it.

Celery's own failures end with 1 and may pass: a broker that is not back yet, a name that an old worker still holds.
"""
_PASSING = frozenset({ExitCode.UNAVAILABLE})
"""What a worker ends with whose broker does not answer: it says nothing of the worker, however often it happens."""


@dataclass(frozen=True, slots=True)
class History:
    """How a worker has fared.

    `was_ready`: whether it has ever consumed, `came_up`: whether it has by the plan that it follows now. `failures`:
    how often in a row it ended since then, `faults`: how often of these for another reason than its broker.
    """

    was_ready: bool = False
    came_up: bool = False
    failures: int = 0
    faults: int = 0

    def after(self, seconds: float, code: int, *, ready: bool) -> "History":
        """Give the history with one more end, of a process that ran for so long, ended so, and consumed or not."""
        before = History() if ready and seconds > STEADY else self
        return History(
            self.was_ready or ready,
            self.came_up or ready,
            before.failures + 1,
            before.faults + (code not in _PASSING),
        )

    def by_another_plan(self) -> "History":
        """Give the history of the worker as it begins to follow another plan."""
        return History(was_ready=self.was_ready)

    def stuck(self, code: int) -> bool:
        """Say whether one that ended with this code does not come up by its plan, as far as can be told."""
        return not self.came_up and (code in _HOPELESS or self.faults >= MOST_FAILURES)

    def hopeless(self, code: int) -> bool:
        """Say whether one that ended with this code is given up: never one that has consumed, by whatever plan."""
        return not self.was_ready and self.stuck(code)

    @property
    def delay(self) -> float:
        """Seconds to wait before it is started again: doubled with each end in a row."""
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (min(self.failures, 32) - 1)))
