"""What `allot trace` shows."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from allotment.cli.output import console, print_json

if TYPE_CHECKING:
    from allotment.engine.trace import TraceStep


def as_text(steps: tuple["TraceStep", ...]) -> None:
    """Print a row a task."""
    table = Table("task", "queue", "lane", "worker", "node", "waited", "ran", "state", box=None, pad_edge=False)
    for step in steps:
        mark = step.mark
        state = Text(step.error or step.state.lower(), style="red" if step.error else "")
        if mark is None:
            table.add_row(Text(step.id), "", "", "", "", "", "", state)
            continue
        table.add_row(
            Text(mark.task),
            mark.queue or "",
            Text(mark.lane or ""),
            mark.worker,
            mark.worker.partition("@")[2],
            _seconds(mark.waited),
            _seconds(mark.ran),
            state,
        )
    console().print(table)


def as_json(steps: tuple["TraceStep", ...]) -> None:
    """Print the same for programs; times in seconds."""
    print_json(
        {
            "steps": [
                {
                    "id": step.id,
                    "state": step.state,
                    "error": step.error,
                    **(asdict(step.mark) if step.mark else {}),
                    "node": step.mark.worker.partition("@")[2] if step.mark else None,
                    "waited": step.mark.waited if step.mark else None,
                    "ran": step.mark.ran if step.mark else None,
                }
                for step in steps
            ]
        }
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
