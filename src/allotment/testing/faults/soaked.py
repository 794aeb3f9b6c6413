"""What came of a soak, and whether it may count as passed. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from allotment.testing.faults.oracle import Run, Verdict
from allotment.testing.faults.outcome import Check
from allotment.testing.faults.schedule import Planned


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that was brought about: what was seen of it, whether it landed, and the seconds to recover.

    Recovered is a fleet of which every kind of task has begun and come to its end since. None: it has not.
    """

    planned: Planned
    landed: bool
    seen: str
    recovered: float | None = None


@dataclass(frozen=True)
class Soaked:
    """What came of a soak; `interrupted`: it was ended before its time. `refused` counts messages.

    `drained` is what was left in the queues in the end, `checks` what had to be seen besides.
    """

    verdict: Verdict
    happened: tuple[Happened, ...]
    checks: tuple[Check, ...]
    refused: int
    drained: str
    seconds: float
    interrupted: bool

    @property
    def passed(self) -> bool:
        """Whether every promise was kept, and something was lived through."""
        return self.verdict.holds and not self.shortcomings

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """What keeps it from showing anything, or was not as it must be, apart from the verdict's own figures."""
        return tuple(self._shortcomings())

    def _shortcomings(self) -> Iterator[str]:
        if not self.verdict.confirmed:
            yield "no message was confirmed"
        if not self.happened:
            yield "there was no fault"
        landed = {one.planned.fault for one in self.happened if one.landed}
        for fault in dict.fromkeys(one.planned.fault for one in self.happened):
            if fault not in landed:
                yield f"never landed: {fault}"
        for one in self.happened:
            if one.landed and one.recovered is None:
                yield f"did not recover: {one.planned.fault} at {one.planned.at:g} s"
        for check in self.checks:
            if not check.holds:
                yield f"not so: {check.what}: {check.seen}"
        if self.drained:
            yield f"left in the queues: {self.drained}"


@dataclass(slots=True)
class _Recovering:
    """A fault that landed, by its place: when it began and was over (epoch), and the tasks not seen to run since."""

    index: int
    began: float
    over: float
    missing: set[str]


class Recoveries:
    """The faults of a soak, and from which of them a fleet has recovered, by the runs of its tasks."""

    def __init__(self, tasks: Collection[str]) -> None:
        self._tasks = frozenset(tasks)
        self._happened: list[Happened] = []
        self._recovering: list[_Recovering] = []

    @property
    def happened(self) -> tuple[Happened, ...]:
        """The faults so far, in their order."""
        return tuple(self._happened)

    @property
    def complete(self) -> bool:
        """Whether the fleet has recovered from every fault that landed."""
        return not self._recovering

    def happens(self, one: Happened, began: float, over: float) -> None:
        """Take in a fault that began and was over at these moments of the epoch."""
        if one.landed:
            self._recovering.append(_Recovering(len(self._happened), began, over, set(self._tasks)))
        self._happened.append(one)

    def saw(self, completed: Iterable[Run]) -> tuple[Happened, ...]:
        """Take in runs that came to their end; give the faults from which the fleet has recovered by them."""
        found = []
        for run in completed:
            for one in self._recovering:
                if run.began > one.over:
                    one.missing.discard(run.task)
                    if not one.missing:
                        found.append(self._recover(one, run.ended or run.began))
            self._recovering = [one for one in self._recovering if one.missing]
        return tuple(found)

    def _recover(self, one: _Recovering, moment: float) -> Happened:
        recovered = replace(self._happened[one.index], recovered=moment - one.began)
        self._happened[one.index] = recovered
        return recovered
