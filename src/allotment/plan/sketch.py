"""The plan as a small drawing in text: queues, lanes, who serves them and what those register."""

from collections.abc import Iterator

from allotment.plan.lanes import Lane
from allotment.plan.plan import Plan

_MOST_TASKS = 8


def sketch(plan: Plan) -> str:
    """Draw each queue with its lanes and workers."""
    return "\n".join(line for queue in plan.queues for line in _queue(plan, queue))


def _queue(plan: Plan, queue: str) -> Iterator[str]:
    every = list(plan.queues[queue].lanes)
    lanes = [lane for lane in every if lane.name in plan.used] or every[:1]
    ends = [
        (f"{lane.name} → {worker}" if plan.queues[queue].split else worker)
        for lane in lanes
        for worker in _workers(plan, lane)
    ]
    for number, end in enumerate(ends or ["nobody"]):
        if len(ends) <= 1:
            branch = "──"
        elif number == 0:
            branch = "┬─"
        else:
            branch = "└─" if number == len(ends) - 1 else "├─"
        yield f"{queue if number == 0 else ' ' * len(queue)} {branch} {end}"


def _workers(plan: Plan, lane: Lane) -> Iterator[str]:
    for worker in plan.consumers.get(lane.name, ()):
        tasks = plan.registered_by(worker.profile)
        more = f" and {len(tasks) - _MOST_TASKS} more" if len(tasks) > _MOST_TASKS else ""
        yield f"{worker.name} ({', '.join(tasks[:_MOST_TASKS])}{more})"
