"""Who runs what, the limits that hold for it, and who says them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from allotment.model.patterns import is_pattern, sample
from allotment.model.profile import Profile
from allotment.model.task import BUILT_IN_PREFIX
from allotment.plan.plan import Plan
from allotment.plan.routing import PlannedTask
from allotment.source.document import Path


class SaidBy(IntEnum):
    """Who says a limit; the later beat the earlier."""

    SETTINGS = 0
    PROFILE = 1
    APP = 2
    ENTRY = 3

    @property
    def of_the_task(self) -> bool:
        """Whether it is said of the task, and not of all tasks of a worker."""
        return self >= SaidBy.APP


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for a task on a worker of a profile, in seconds; None: no limit.

    Paths lead to what says so; `hard_by` and `soft_by` are who does.
    """

    hard: float | None
    soft: float | None
    hard_path: Path
    soft_path: Path
    hard_by: SaidBy | None = None
    soft_by: SaidBy | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Tasks that go to a queue, a profile whose workers run them from there, and the limits that hold for all of them.

    The tasks have the same entry, and their app says the same of each.
    """

    queue: str
    tasks: tuple[PlannedTask, ...]
    profile: Profile
    limits: Limits


def by_queue(tasks: Iterable[PlannedTask]) -> Mapping[str, tuple[PlannedTask, ...]]:
    """Give tasks by the queue each is sent to by itself."""
    found: dict[str, list[PlannedTask]] = {}
    for task in tasks:
        if task.queue is not None:
            found.setdefault(task.queue, []).append(task)
    return {queue: tuple(alike) for queue, alike in found.items()}


def stand_ins(plan: Plan) -> Iterator[PlannedTask]:
    """Give a task for each pattern of the file that matches no known one, and so stands for tasks nobody names."""
    keys = [entry.key for entry in plan.model.entries if is_pattern(entry.key)]
    matched = {entry.key for name in (plan.tasks if keys else ()) for entry in plan.entries.all(name)}
    for key in keys:
        task = plan.look_up(sample(key, "\0"))
        is_its_own = task.entry is not None and task.entry.key == key
        if is_its_own and key not in matched and not key.startswith(BUILT_IN_PREFIX):
            yield replace(task, name=key)
