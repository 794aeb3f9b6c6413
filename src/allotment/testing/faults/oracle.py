"""The oracle: what the journal, the ledger and the broker say after a fault, held against what is promised. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

FINISHED = frozenset({"SUCCESS", "FAILURE", "IGNORED"})
"""The states in which a run has come to its end; RETRY and REJECTED mean that another is to follow."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task: its message's id, its name, the worker and process, and when it began and ended.

    Times are seconds of the epoch; `ended` None: it never did, or was not seen to.
    """

    id: str
    task: str
    worker: str
    pid: int
    began: float
    ended: float | None = None
    state: str = ""

    @property
    def finished(self) -> bool:
        """Whether it came to its end, and no other run is to follow."""
        return self.ended is not None and self.state in FINISHED


@dataclass(frozen=True)
class Evidence:
    """What was seen.

    `confirmed` are the tasks by the id of each message that the broker confirmed, `set_aside` the reasons by the id of
    each that lies in a dead-letter queue. `allowed` are the workers that may run each task, by the plan; `pending` the
    ids of confirmed messages without a result, `succeeded` those whose result says so; `orphans` the processes that
    were left.
    """

    confirmed: Mapping[str, str]
    runs: tuple[Run, ...]
    set_aside: Mapping[str, str]
    allowed: Mapping[str, frozenset[str]]
    pending: frozenset[str] = frozenset()
    orphans: tuple[str, ...] = ()
    succeeded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """What follows from the evidence.

    `lost` are confirmed ids that neither finished nor were set aside, `wrong` the runs on a worker that the plan does
    not allow, `pending` ids whose result nobody will ever see, `duplicates` how many runs there were beyond the first
    of each message, `confirmed` how many messages it is about.
    """

    confirmed: int
    lost: tuple[str, ...]
    wrong: tuple[Run, ...]
    pending: tuple[str, ...]
    orphans: tuple[str, ...]
    duplicates: int
    set_aside: int

    @property
    def holds(self) -> bool:
        """Whether every promise was kept. Duplicates break none."""
        return not (self.lost or self.wrong or self.pending or self.orphans)


def judge(evidence: Evidence) -> Verdict:
    """Hold the evidence against the promises.

    A task that the plan does not know may run nowhere. A message that began to run and whose result says that it
    succeeded has finished too: its process may be killed after the result was stored and before the end was written.
    """
    starts = Counter(run.id for run in evidence.runs)
    finished = {run.id for run in evidence.runs if run.finished} | (evidence.succeeded & starts.keys())
    return Verdict(
        confirmed=len(evidence.confirmed),
        lost=tuple(sorted(evidence.confirmed.keys() - finished - evidence.set_aside.keys())),
        wrong=tuple(run for run in evidence.runs if run.worker not in evidence.allowed.get(run.task, frozenset())),
        pending=tuple(sorted(evidence.pending & evidence.confirmed.keys())),
        orphans=evidence.orphans,
        duplicates=sum(count - 1 for count in starts.values()),
        set_aside=len(evidence.set_aside.keys() & evidence.confirmed.keys()),
    )
