"""What `allot presets` shows."""

from typing import Any

from rich.table import Table

from allotment.cli.output import console, print_json
from allotment.model.preset import PRESET_QUEUES, PRESETS
from allotment.model.profile import Profile
from allotment.model.quantities import show_duration
from allotment.model.queue import Queue


def as_text() -> None:
    """Print a table of the presets and one of their queues."""
    out = console()
    columns = ("preset", "pool", "at once", "scales", "prefetch", "tasks a child", "time limit", "soft limit")
    table = Table(*columns, title="Presets", title_justify="left", box=None, pad_edge=False)
    for preset in PRESETS.values():
        table.add_row(*_row(preset))
    out.print(table)
    out.print()
    queues = Table(
        "queue",
        "preset",
        "exchange",
        "key",
        "length",
        title="Their queues",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for preset in PRESETS.values():
        for name in preset.queues:
            queue = PRESET_QUEUES[name]
            length = "no limit" if queue.max_length is None else str(queue.max_length)
            queues.add_row(name, preset.name, queue.exchange, queue.routing_key, length)
    out.print(queues)


def _row(preset: Profile) -> tuple[str, ...]:
    bounds = preset.autoscale
    return (
        preset.name,
        str(preset.pool),
        "the node's cores" if preset.concurrency is None else str(preset.concurrency),
        f"{bounds.least} to {bounds.most}" if bounds else "no",
        str(preset.prefetch),
        str(preset.max_tasks_per_child),
        show_duration(preset.time_limit or 0),
        show_duration(preset.soft_time_limit or 0),
    )


def as_json() -> None:
    """Print the same for programs; limits in seconds, concurrency null: the node's cores."""
    print_json({"presets": [_document(preset) for preset in PRESETS.values()]})


def _document(preset: Profile) -> dict[str, Any]:
    bounds = preset.autoscale
    return {
        "name": preset.name,
        "pool": str(preset.pool),
        "concurrency": preset.concurrency,
        "autoscale": {"min": bounds.least, "max": bounds.most} if bounds else None,
        "prefetch": preset.prefetch,
        "max_tasks_per_child": preset.max_tasks_per_child,
        "time_limit": preset.time_limit,
        "soft_time_limit": preset.soft_time_limit,
        "queues": [_queue(PRESET_QUEUES[name]) for name in preset.queues],
    }


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "exchange": queue.exchange,
        "exchange_type": str(queue.exchange_type),
        "routing_key": queue.routing_key,
        "max_length": queue.max_length,
        "when_full": str(queue.when_full) if queue.max_length is not None else None,
    }
