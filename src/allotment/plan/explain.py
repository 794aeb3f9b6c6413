"""Why a task goes where it goes: which entry decided, which lane, who could take it and why the others could not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from allotment.errors import PublishRefused
from allotment.model.task import BUILT_IN_PREFIX, KnownTask
from allotment.plan.capability import why_unable
from allotment.plan.lanes import Lane
from allotment.plan.plan import Plan
from allotment.plan.routing import PlannedTask, hinted, steps_of


@dataclass(frozen=True, slots=True)
class Explanation:
    """The way of one task.

    `steps` says what each step of routing found, up to the one that decided. `takers` are workers that may take it,
    `others` profiles with the reason why not; `refused` says why a publish would raise, and then there is no lane.
    `delivery` is how the workers of each profile treat it, None: as the app says; `delivery_limit` how often its queue
    delivers it at most.
    """

    task: str
    known: bool
    queue: str | None
    decided_by: str
    lane: str | None
    exchange: str | None
    routing_key: str | None
    takers: tuple[str, ...]
    others: tuple[tuple[str, str], ...]
    refused: str | None
    would_do: tuple[str, ...]
    steps: tuple[tuple[str, str], ...] = ()
    delivery: Mapping[str, str | None] = field(default_factory=dict)
    delivery_limit: int | None = None


def explain(
    plan: Plan, task: str, queue: str | None = None, *, zone: str | None = None, hint: str | None = None
) -> Explanation:
    """Explain a task sent to its own queue, or to the queue named, from a zone, with a hint at its kind.

    Raises HintUnknown for a hint that is no kind of work, or where the fleet does not route by resource.
    """
    planned = plan.look_up(task)
    if task.startswith(BUILT_IN_PREFIX) and task not in plan.tasks:
        hint = None  # which goes where the task inside it goes
    if hint is not None:
        planned = hinted(planned, hint, plan.model)
    name = queue or planned.queue
    lane, refused = None, None
    try:
        lane = plan.lane(task, queue, zone=zone, hint=hint)
    except PublishRefused as error:
        refused = f"{error.message} ({error.hint})" if error.hint else error.message
    name = name or (lane.queue if lane else None)
    declared = plan.model.queues.get(name or "")
    return Explanation(
        task=task,
        known=task in plan.tasks,
        queue=name,
        decided_by="the call" if queue else planned.decided_by,
        lane=lane.name if lane else None,
        exchange=(declared.exchange or declared.name) if declared else None,
        routing_key=(declared.routing_key or declared.name) if declared else None,
        takers=_takers(plan, planned, lane) if lane else (),
        others=_others(plan, task, name, lane),
        refused=refused,
        would_do=plan.queues_for(task),
        steps=_steps(plan, task, queue, hint),
        delivery={
            profile: str(way) if way else None
            for profile, way in (plan.deliveries(planned, lane).items() if lane else ())
        },
        delivery_limit=plan.delivery_limit(lane.name) if lane else None,
    )


def _steps(plan: Plan, task: str, queue: str | None, hint: str | None) -> tuple[tuple[str, str], ...]:
    if queue is not None:
        return (("call", f"names the queue {queue}"),)
    if task.startswith(BUILT_IN_PREFIX) and task not in plan.tasks:
        return ()
    known = plan.known.get(task) or KnownTask(task)
    return tuple((str(step), says) for step, says in steps_of(plan.look_up(task), known, plan.model, hint))


def _takers(plan: Plan, task: PlannedTask, lane: Lane) -> tuple[str, ...]:
    built_in = task.name.startswith(BUILT_IN_PREFIX)
    return tuple(
        worker.name
        for worker in plan.consumers.get(lane.name, ())
        if built_in or plan.capability.bit(worker.profile) & task.able
    )


def _others(plan: Plan, task: str, queue: str | None, lane: Lane | None) -> tuple[tuple[str, str], ...]:
    planned = plan.look_up(task)
    placed = {worker.profile for worker in plan.workers}
    reasons = []
    for profile in plan.model.profiles.values():
        built_in = task.startswith(BUILT_IN_PREFIX) and task not in plan.tasks
        reason = None if built_in else why_unable(profile, task, planned.requires)
        if reason is None and queue not in profile.queues:
            reason = f"profile {profile.name!r} does not consume {queue!r}"
        if reason is None and lane is not None and profile.name not in lane.profiles and profile.name in placed:
            where = f": it has no worker in the zone {lane.zone!r}" if lane.zone else ""
            reason = f"profile {profile.name!r} does not serve the lane {lane.name!r}{where}"
        if reason is None and profile.name not in placed:
            reason = f"profile {profile.name!r} runs on no node"
        if reason:
            reasons.append((profile.name, reason))
    return tuple(reasons)
