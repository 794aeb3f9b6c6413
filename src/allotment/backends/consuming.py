"""Which lanes a worker consumes: each whose every task it registers, so that no other task ever reaches it."""

from allotment.backends.request import WorkerRequest
from allotment.errors import SelectionInvalid
from allotment.plan.plan import Plan

_SHOWN = 5


def consumed_lanes(plan: Plan, tasks: tuple[str, ...], request: WorkerRequest, zone: str | None) -> tuple[str, ...]:
    """Give the lanes of these tasks, in the order of the queues, and the intakes of their queues.

    An intake is the plain name of a queue that no known task is sent to: programs that know no lanes send there, and
    the guard passes on what is not registered. `zone` is where the worker stands. Raises SelectionInvalid for a lane of
    a chosen task that other tasks may be sent to.
    """
    lanes: list[str] = []
    for queue in _queues(plan, request):
        members = _members(plan, queue, zone)
        own = [lane for lane, there in members.items() if not there.isdisjoint(tasks)]
        for lane in own:
            _refuse_shared(lane, members[lane].difference(tasks), members[lane].intersection(tasks), queue)
        if own and queue not in members:
            lanes.append(queue)
        lanes += own
    return tuple(lanes)


def _queues(plan: Plan, request: WorkerRequest) -> list[str]:
    own = plan.model.profiles[request.profile].queues if request.profile else tuple(plan.queues)
    return [queue for queue in own if request.queues is None or queue in request.queues]


def _members(plan: Plan, queue: str, zone: str | None) -> dict[str, set[str]]:
    """Give the tasks that may be sent to each lane of a queue, in the order in which the plan has the lanes."""
    lanes = plan.queues[queue]
    found: dict[str, set[str]] = {}
    for name, task in plan.tasks.items():
        if task.able & lanes.consumers:
            zones = [None, zone] if task.stays_in_zone and task.able & plan.zones.get(zone or "", 0) else [None]
            for place in zones:
                found.setdefault(plan.lane(name, queue, zone=place).name, set()).add(name)
    return {lane.name: found[lane.name] for lane in lanes.lanes if lane.name in found}


def _refuse_shared(lane: str, others: set[str], chosen: set[str], queue: str) -> None:
    if others:
        shown = sorted(others)[:_SHOWN]
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise SelectionInvalid(
            f"the lane {lane!r} cannot be consumed: {min(chosen)!r} shares it with {', '.join(shown)}{more},"
            " which this worker would not register",
            hint=f"choose these too, or give {min(chosen)!r} a profile or a queue of its own in the file, beside"
            f" those of {queue!r}",
        )
