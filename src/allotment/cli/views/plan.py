"""What `allot plan` shows."""

from typing import Any

from rich.table import Table
from rich.text import Text

from allotment.cli.output import console, print_json
from allotment.model.profile import Profile
from allotment.model.queue import QueueType
from allotment.plan.placement import Worker
from allotment.plan.plan import Plan

_MOST_ROWS = 200


def as_text(plan: Plan) -> None:
    """Print tables of queues, workers and tasks."""
    out = console()
    for table in (_queues(plan), _workers(plan), _tasks(plan)):
        out.print(table)
        out.print()


def _queues(plan: Plan) -> Table:
    table = Table(
        "queue", "lane at the broker", "served by", title="Queues", title_justify="left", box=None, pad_edge=False
    )
    for name, lanes in plan.queues.items():
        for number, lane in enumerate(lanes.lanes):
            used = lane.name in plan.used
            served = ", ".join(lane.profiles) + ("" if used else "; no known task goes there")
            table.add_row(name if number == 0 else "", Text(lane.name), served, style="" if used else "dim")
    return table


def _workers(plan: Plan) -> Table:
    table = Table(
        "worker", "at once", "consumes", "registers", title="Workers", title_justify="left", box=None, pad_edge=False
    )
    for worker in plan.workers[:_MOST_ROWS]:
        registered = plan.registered_by(worker.profile)
        table.add_row(
            worker.name,
            _at_once(plan, worker),
            Text(", ".join(worker.consumes) or "nothing"),
            Text(", ".join(registered) if len(registered) <= 8 else f"{len(registered)} tasks"),  # noqa: PLR2004 - a line's worth
        )
    _say_rest(table, len(plan.workers))
    return table


def _bounds(profile: Profile) -> dict[str, int] | None:
    return {"min": profile.autoscale.least, "max": profile.autoscale.most} if profile.autoscale else None


def _at_once(plan: Plan, worker: Worker) -> str:
    bounds = plan.model.profiles[worker.profile].autoscale
    return f"{bounds.least} to {bounds.most}" if bounds else str(worker.concurrency or "cores")


def _tasks(plan: Plan) -> Table:
    table = Table("task", "queue", "lane", "decided by", title="Tasks", title_justify="left", box=None, pad_edge=False)
    shown = sorted(plan.tasks)[:_MOST_ROWS]
    delivered = {name: _delivery(plan, name) for name in shown}
    if any(delivered.values()):
        table.add_column("delivered")
    for name in shown:
        task = plan.tasks[name]
        row = (Text(name), task.queue or "none", Text(_lane(plan, name) or "refused"), Text(task.decided_by))
        table.add_row(*row, *([delivered[name] or "as the app says"] if any(delivered.values()) else []))
    _say_rest(table, len(plan.tasks))
    return table


def _say_rest(table: Table, count: int) -> None:
    if count > _MOST_ROWS:
        table.add_row(f"and {count - _MOST_ROWS} more: see --format json", style="dim")


def _lane(plan: Plan, task: str) -> str | None:
    lane = plan.default_lane(task)
    return lane.name if lane else None


def _delivery(plan: Plan, name: str) -> str | None:
    """Give how a task is delivered; None: as the app says."""
    ways = set(plan.deliveries(plan.tasks[name]).values())
    if len(ways) > 1:
        return "by profile"
    way = ways.pop() if ways else None
    return str(way) if way else None


def _queue(plan: Plan, name: str) -> dict[str, Any]:
    queue = plan.declared[name]
    return {
        "name": name,
        "type": str(queue.type or QueueType.CLASSIC),
        "delivery_limit": plan.delivery_limit(name),
        "dead_letter": queue.dead_letter,
        "lanes": [
            {"name": lane.name, "profiles": list(lane.profiles), "used": lane.name in plan.used}
            for lane in plan.queues[name].lanes
        ],
    }


def as_json(plan: Plan) -> None:
    """Print the plan for programs."""
    print_json(document(plan))


def document(plan: Plan) -> dict[str, Any]:
    """Give the plan as plain values. Addresses are given without user and password."""
    model = plan.model
    return {
        "app": model.app,
        "broker": model.broker.shown if model.broker else None,
        "results": model.results.shown if model.results else None,
        "queues": [_queue(plan, name) for name in plan.queues],
        "tasks": [
            {
                "name": name,
                "queue": plan.tasks[name].queue,
                "lane": _lane(plan, name),
                "decided_by": plan.tasks[name].decided_by,
                "delivery": _delivery(plan, name),
            }
            for name in sorted(plan.tasks)
        ],
        "workers": [
            {
                "name": worker.name,
                "profile": worker.profile,
                "node": worker.node,
                "concurrency": worker.concurrency,
                "autoscale": _bounds(model.profiles[worker.profile]),
                "consumes": list(worker.consumes),
                "registers": list(plan.registered_by(worker.profile)),
            }
            for worker in plan.workers
        ],
    }
