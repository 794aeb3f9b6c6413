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


@dataclass(frozen=True, slots=True)
class History:
    """How a worker has fared with its plan: whether it has ever consumed, and how often in a row it ended since."""

    was_ready: bool = False
    failures: int = 0

    def after(self, seconds: float, *, ready: bool) -> "History":
        """Give the history with one more end, of a process that ran for so long and consumed or not."""
        steady = ready and seconds > STEADY
        return History(self.was_ready or ready, 1 if steady else self.failures + 1)

    def hopeless(self, code: int) -> bool:
        """Say whether one that ended with this code is given up: never one that has consumed."""
        return not self.was_ready and (code in _HOPELESS or self.failures >= MOST_FAILURES)

    @property
    def delay(self) -> float:
        """Seconds to wait before it is started again: doubled with each end in a row."""
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (min(self.failures, 32) - 1)))
