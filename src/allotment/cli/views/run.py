"""What `allot run` shows."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from allotment.cli.loading import LoadedFleet
from allotment.cli.output import console, print_json

if TYPE_CHECKING:
    from allotment.engine.workflow import RunReport, TaskRow


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None] | None]:
    """Show how many workflows are done, on standard error and only on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("workflows"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("workflows", total=total)
        yield lambda done: bar.update(task, completed=done)


def table(rows: tuple["TaskRow", ...]) -> Table:
    """Give the table: a row a task and queue, what was predicted and who ran it how often."""
    made = Table("task", "queue", "lane", "predicted", "observed", "share", "", box=None, pad_edge=False)
    for row in rows:
        total = sum(row.observed.values())
        counts = sorted(row.observed.items())
        made.add_row(
            Text(row.task),
            row.queue or "",
            Text(row.lane or ""),
            ", ".join(row.predicted),
            ", ".join(f"{worker} {count}" for worker, count in counts),
            ", ".join(f"{100 * count / total:.0f} %" for _, count in counts),
            Text("ok", style="green") if row.agrees else Text("NOT AS PREDICTED", style="bold red"),
        )
    return made


def as_text(report: "RunReport", *, traceable: bool) -> None:
    """Print the table, what failed, and the count."""
    out = console()
    out.print(table(report.rows))
    for error, count in report.failures.items():
        out.print(Text(f"{count} × failed: {error}", style="red"))
    style = "green" if report.complete else "bold red"
    out.print(
        Text(f"{report.finished} of {report.workflows} workflows finished in {report.seconds:.2f} s", style=style)
    )
    if report.rows and traceable:
        out.print(Text(f"allot trace {report.ids[0]} shows the path of the first", style="dim"))


def as_json(loaded: LoadedFleet, report: "RunReport") -> None:
    """Print the outcome for programs."""
    print_json(document(loaded.file.path.stem, _broker(loaded), report) | {"ids": list(report.ids)})


def _broker(loaded: LoadedFleet) -> str:
    broker = loaded.file.model.broker
    return broker.shown if broker else "the app's own"


def document(name: str, broker: str, report: "RunReport") -> dict[str, Any]:
    """Give the outcome as plain values."""
    return {
        "name": name,
        "broker": broker,
        "workflows": report.workflows,
        "finished": report.finished,
        "seconds": round(report.seconds, 3),
        "tasks": [
            {
                "task": row.task,
                "queue": row.queue,
                "lane": row.lane,
                "predicted": list(row.predicted),
                "observed": dict(row.observed),
            }
            for row in report.rows
        ],
        "failures": dict(report.failures),
    }
