"""What `task-backend-worker` shows: the plan of a worker, and the tasks there are."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from allotment.backends.task import RegisteredTask
from allotment.backends.worker_plan import WorkerPlan
from allotment.cli.output import print_json
from allotment.model.quantities import show_duration, show_memory

_MOST_NAMES = 8
"""In a line that a worker begins with."""

_MARK = {True: "registers", False: "leaves out"}


def show_plan(plan: WorkerPlan, form: str) -> None:
    """Print what the worker would be."""
    if form == "json":
        print_json(document(plan))
        return
    lines = list(_lines(plan))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        click.echo(f"{click.style(f'{name:<{width}}', bold=True)}  {text}")
    if plan.command is not None:
        click.echo(
            f"\nwith plain {plan.backend.capitalize()}, which registers every task and has no guard:\n  {plan.command}"
        )


def in_a_line(plan: WorkerPlan) -> str:
    """Say what a worker registers and consumes."""
    return f"{plan.name} registers {_shown([task.name for task in plan.registers])}; consumes {_shown(plan.consumes)}"


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def show_tasks(plan: WorkerPlan, form: str) -> None:
    """Print every task with its queue, and whether the worker would register it."""
    every = sorted([(task, True) for task in plan.registers] + [(task, False) for task in plan.others], key=_by_name)
    if form == "json":
        print_json({"tasks": [_task(task) | {"registers": registers} for task, registers in every]})
        return
    widths = [max(len(task.name) for task, _ in every), max(len(task.queue or "none") for task, _ in every)]
    for task, registers in every:
        text = f"{task.name:<{widths[0]}}  {task.queue or 'none':<{widths[1]}}  {_MARK[registers]}"
        click.secho(text, dim=not registers)


def _by_name(pair: tuple[RegisteredTask, bool]) -> str:
    return pair[0].name


def _lines(plan: WorkerPlan) -> Iterator[tuple[str, str]]:
    yield "worker", plan.name
    yield "backend", plan.backend
    yield "plan of", plan.source
    yield "registers", ", ".join(task.name for task in plan.registers)
    yield "leaves out", ", ".join(task.name for task in plan.others) or "nothing"
    yield "consumes", ", ".join(plan.consumes)
    yield "at once", _at_once(plan)
    yield "limits", ", ".join(_limits(plan)) or "none"
    yield "broker", plan.broker
    yield "results", plan.results or "where the broker's address or the app leads"


def _at_once(plan: WorkerPlan) -> str:
    scale = plan.profile.autoscale
    count = f"{scale.least} to {scale.most}" if scale else str(plan.concurrency or "as many as there are cores")
    return f"{count} ({plan.profile.pool})"


def _limits(plan: WorkerPlan) -> Iterator[str]:
    profile = plan.profile
    for name, seconds in (("time limit", profile.time_limit), ("soft time limit", profile.soft_time_limit)):
        if seconds is not None:
            yield f"{name} {show_duration(seconds)}"
    if profile.max_tasks_per_child is not None:
        yield f"{profile.max_tasks_per_child} tasks a process"
    if profile.max_memory_per_child is not None:
        yield f"{show_memory(profile.max_memory_per_child)} a process"
    if profile.prefetch is not None:
        yield f"prefetch {profile.prefetch}"


def document(plan: WorkerPlan) -> dict[str, Any]:
    """Give the plan as plain values; addresses without user and password."""
    profile = plan.profile
    return {
        "worker": plan.name,
        "backend": plan.backend,
        "source": plan.source,
        "registers": [_task(task) for task in plan.registers],
        "others": [_task(task) for task in plan.others],
        "consumes": list(plan.consumes),
        "node": plan.node.name,
        "pool": str(profile.pool),
        "concurrency": plan.concurrency,
        "autoscale": {"min": profile.autoscale.least, "max": profile.autoscale.most} if profile.autoscale else None,
        "prefetch": profile.prefetch,
        "time_limit": profile.time_limit,
        "soft_time_limit": profile.soft_time_limit,
        "max_tasks_per_child": profile.max_tasks_per_child,
        "max_memory_per_child": profile.max_memory_per_child,
        "broker": plan.broker,
        "results": plan.results,
        "log_level": plan.log_level,
        "command": plan.command,
        "notes": list(plan.notes),
    }


def _task(task: RegisteredTask) -> dict[str, Any]:
    return {"name": task.name, "queue": task.queue, "module": task.module}
