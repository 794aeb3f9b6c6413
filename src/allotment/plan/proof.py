"""The proof: every task reaches only workers that can run it.

It is led on the plan that was made, not on how it was made: for each task and each queue it may be sent to, the lane
the plan answers with is looked up among the workers that consume it, and each of them is asked again whether it can run
the task. Tasks that the same profiles can run are one case, so the cost grows with the number of such cases.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from allotment.errors import PublishRefused
from allotment.model.names import did_you_mean
from allotment.model.profile import Profile
from allotment.model.task import BUILT_IN_PREFIX
from allotment.plan.capability import ProfileSet, why_unable
from allotment.plan.placement import misfits
from allotment.plan.plan import Plan
from allotment.plan.routing import PlannedTask


@dataclass(frozen=True, slots=True)
class CounterExample:
    """Why the proof fails: a task, the queue it would be sent to, a worker that shows it, the reason and what mends it.

    `path` leads to the place in the fleet file; `others` counts tasks that fail in the same way.
    """

    task: str | None
    queue: str | None
    worker: str | None
    reason: str
    mend: str
    path: tuple[str | int, ...]
    others: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome: how many pairs of task and queue were proved, or what stands against it, smallest first."""

    pairs: int
    counter_examples: tuple[CounterExample, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing stands against it."""
        return not self.counter_examples


def prove(plan: Plan) -> Proof:
    """Lead the proof for every known task and every queue it may be sent to."""
    cases: dict[tuple[ProfileSet, str | None, bool], list[PlannedTask]] = {}
    for task in plan.tasks.values():
        cases.setdefault((task.able, task.queue, task.stays_in_zone), []).append(task)
    pairs = 0
    against: list[CounterExample] = []
    proved: dict[tuple[ProfileSet, bool], int] = {}
    choosy = plan.capability.set_of(name for name, profile in plan.model.profiles.items() if _chooses(profile))
    for (able, queue, stays), tasks in cases.items():
        plain = [task for task in tasks if not task.requires]
        against.extend(_unfounded(plan, plain, able & choosy))
        against.extend(_unfounded(plan, [task for task in tasks if task.requires], able))
        example = min(tasks, key=lambda task: (len(task.name), task.name))
        failure = _unroutable(plan, example, queue, len(tasks) - 1)
        if failure:
            against.append(failure)
        if (able, stays) not in proved:
            queues = _reached(plan, able)
            found = _wrong_worker(plan, example, queues, len(tasks) - 1)
            against.extend(found)
            proved[able, stays] = 0 if found else len(queues)
        pairs += proved[able, stays] * len(tasks)
    against.extend(_unsendable(plan))
    against.extend(_misplaced(plan))
    return Proof(pairs, tuple(sorted(against, key=lambda one: (one.task is None, len(one.task or ""), one.task or ""))))


def _unroutable(plan: Plan, task: PlannedTask, queue: str | None, others: int) -> CounterExample | None:
    path: tuple[str | int, ...] = ("tasks", task.entry.key) if task.entry else ()
    if queue is None:
        choice = ", ".join(plan.queues_for(task.name)) or "none can run it"
        mend = f"give it a queue under `tasks:` ({choice}), or set `default_queue:`"
        return CounterExample(task.name, None, None, "nothing says which queue it goes to", mend, path, others)
    if plan.queues[queue].consumers & task.able:
        return None
    witness = next((worker for worker in plan.workers if queue in plan.model.profiles[worker.profile].queues), None)
    if witness is None:
        mend = did_you_mean(queue, plan.consumed, otherwise="add it to the queues of a profile that a node runs")
        return CounterExample(task.name, queue, None, "no worker consumes the queue", mend, path, others)
    path = path or ("profiles", witness.profile)
    reason = why_unable(plan.model.profiles[witness.profile], task.name, task.requires) or "it cannot run it"
    would_do = plan.queues_for(task.name)
    mend = (
        f"send it to {' or '.join(would_do)}, or add it to the tasks of profile {witness.profile!r}"
        if would_do
        else f"add it to the tasks of profile {witness.profile!r}"
    )
    return CounterExample(task.name, queue, witness.name, reason, mend, path, others)


def _chooses(profile: Profile) -> bool:
    return profile.tasks is not None or bool(profile.exclude_tasks)


def _unfounded(plan: Plan, tasks: list[PlannedTask], able: ProfileSet) -> Iterator[CounterExample]:
    """Ask profiles whether they can run what the plan says they can.

    Those that take every task need no asking about tasks that require nothing. This is done for every task, as the
    plan's index of patterns could be wrong for one alone.
    """
    profiles = [plan.model.profiles[name] for name in plan.capability.names(able)]
    for task in tasks:
        for profile in profiles:
            reason = why_unable(profile, task.name, task.requires)
            worker = reason and next((one for one in plan.workers if one.profile == profile.name), None)
            if reason and worker:
                path = ("profiles", profile.name)
                mend = "this is a fault of Allotment: the plan takes the profile for able"
                yield CounterExample(task.name, task.queue, worker.name, reason, mend, path)


def _reached(plan: Plan, able: ProfileSet) -> list[str]:
    """Give the queues from which some worker can run a task that these profiles can run."""
    queues = dict.fromkeys(queue for name in plan.capability.names(able) for queue in plan.model.profiles[name].queues)
    return [queue for queue in queues if plan.queues[queue].consumers & able]


def _wrong_worker(plan: Plan, task: PlannedTask, queues: list[str], others: int) -> list[CounterExample]:
    """Ask those who consume the lanes that the task may be sent to whether they can run it, and stand in its zone."""
    found = []
    for queue, zone in ((name, zone) for name in queues for zone in _zones_of(plan, task, name)):
        lane = plan.lane(task.name, queue, zone=zone).name
        mend = "this is a fault of Allotment: the lane is wrong"
        path = ("queues", queue)
        workers = plan.consumers.get(lane, ())
        if not workers:
            reason = f"no worker consumes its lane {lane!r}"
            found.append(CounterExample(task.name, queue, None, reason, mend, path, others))
        elif plan.consuming[lane] & ~task.able:
            worker = next(one for one in workers if not plan.capability.bit(one.profile) & task.able)
            reason = why_unable(plan.model.profiles[worker.profile], task.name, task.requires) or "it cannot run it"
            found.append(CounterExample(task.name, queue, worker.name, reason, mend, path, others))
        elif zone is not None:
            strays = [one for one in workers if plan.model.nodes[one.node].zone != zone]
            reason = f"it is sent in the zone {zone!r} and stays there"
            found += (CounterExample(task.name, queue, one.name, reason, mend, path, others) for one in strays[:1])
    return found


def _zones_of(plan: Plan, task: PlannedTask, queue: str) -> list[str | None]:
    """Give where a task may be sent from to a queue: None, which is nowhere known, and each zone it would stay in.

    From zones where no worker can run it a publish is refused.
    """
    able = task.able & plan.queues[queue].consumers
    zones = plan.zones.items() if task.stays_in_zone else ()
    return [None, *(zone for zone, placed in zones if able & placed)]


def _unsendable(plan: Plan) -> Iterator[CounterExample]:
    """Ask of each entry of the beat schedule whether what it sends can be run where it sends it."""
    for entry in plan.beat:
        if entry.task not in plan.tasks and not entry.task.startswith(BUILT_IN_PREFIX):
            mend = did_you_mean(entry.task, plan.tasks, otherwise="correct the app's beat schedule")
            reason = f"the beat entry {entry.name!r} sends it, and the app has no such task"
            yield CounterExample(entry.task, entry.queue, None, reason, mend, ())
        elif (entry.queue, entry.zone, entry.hint) != (None, None, None) or entry.task.startswith(BUILT_IN_PREFIX):
            try:
                plan.lane(entry.task, entry.queue, zone=entry.zone, hint=entry.hint)
            except PublishRefused as error:
                reason = f"the beat entry {entry.name!r} sends it there: {error.message}"
                yield CounterExample(entry.task, entry.queue, None, reason, error.hint or "name another queue", ())


def _misplaced(plan: Plan) -> Iterator[CounterExample]:
    for misfit in misfits(plan.model):
        path = ("nodes", misfit.node)
        yield CounterExample(None, None, f"{misfit.profile}-1@{misfit.node}", misfit.reason, misfit.mend, path)
