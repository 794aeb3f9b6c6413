"""The oracle: what the journal, the ledger and the broker say after a fault, held against what is promised. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

FAILED = "FAILURE"
FINISHED = frozenset({"SUCCESS", FAILED, "IGNORED"})
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

    def going_on(self, moment: float) -> bool:
        """Say whether it had begun and not ended at a moment of the epoch, as far as was seen."""
        return self.began <= moment and (self.ended is None or self.ended > moment)


@dataclass(frozen=True)
class Evidence:
    """What was seen.

    `confirmed` are the tasks by the id of each message that the broker confirmed, `set_aside` the reasons by the id of
    each that lies in a dead-letter queue. `allowed` are the workers that may run each task, by the plan; `excused` the
    ids that may be set aside or fail, None: any may, as with tasks that are not the harness's own. `pending` are the
    ids of confirmed messages without a result, `succeeded` those whose result says so; `orphans` the processes that
    were left.
    """

    confirmed: Mapping[str, str]
    runs: tuple[Run, ...]
    set_aside: Mapping[str, str]
    allowed: Mapping[str, frozenset[str]]
    excused: frozenset[str] | None = frozenset()
    pending: frozenset[str] = frozenset()
    orphans: tuple[str, ...] = ()
    succeeded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """What follows from the evidence.

    `confirmed` is how many messages it is about. `lost` are those of their ids that did not finish, and those that were
    set aside or failed without an excuse, whether or not they also finished; `fates` says what became of the latter.
    `wrong` are the runs on a worker that the plan does not allow, `pending` ids whose result nobody will ever see,
    `duplicates` how many runs there were beyond the first of each message, `set_aside` how many messages were set
    aside, with or without an excuse.
    """

    confirmed: int
    lost: tuple[str, ...] = ()
    wrong: tuple[Run, ...] = ()
    pending: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    duplicates: int = 0
    set_aside: int = 0
    fates: Mapping[str, str] = field(default_factory=dict)

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
    done = {run.id for run in evidence.runs if run.finished and run.state != FAILED}
    done |= evidence.succeeded & starts.keys()
    fates = {run.id: "its task failed" for run in evidence.runs if run.state == FAILED}
    fates |= {one: f"set aside: {reason}" for one, reason in evidence.set_aside.items()}
    unexcused = set() if evidence.excused is None else fates.keys() - evidence.excused
    lost = evidence.confirmed.keys() - ((done | fates.keys()) - unexcused)
    return Verdict(
        confirmed=len(evidence.confirmed),
        lost=tuple(sorted(lost)),
        wrong=tuple(run for run in evidence.runs if run.worker not in evidence.allowed.get(run.task, frozenset())),
        pending=tuple(sorted(evidence.pending & evidence.confirmed.keys())),
        orphans=evidence.orphans,
        duplicates=sum(count - 1 for count in starts.values()),
        set_aside=len(evidence.set_aside.keys() & evidence.confirmed.keys()),
        fates={one: fates[one] for one in sorted(lost & fates.keys())},
    )
