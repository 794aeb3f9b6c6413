"""What `allot demo` shows."""

from typing import TYPE_CHECKING, Any

from rich.text import Text

from allotment.cli.output import console, print_json
from allotment.cli.views import run as run_view
from allotment.plan.sketch import sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allotment.engine.demonstration import Demonstrated
    from allotment.engine.plain import PlainOutcome

    Outcomes = Sequence[tuple[Demonstrated, PlainOutcome | None]]


def show(title: str, outcome: "Demonstrated", beside: "PlainOutcome | None") -> None:
    """Print one topology: its drawing, its tables, what must be seen, and the time."""
    out = console()
    out.print(Text(f"{outcome.name}: {title}", style="bold"))
    out.print(Text(sketch(outcome.plan), style="cyan"))
    out.print()
    out.print(run_view.table(outcome.main.rows))
    for name, report in outcome.more.items():
        out.print(Text(f"{name}:", style="dim"))
        out.print(run_view.table(report.rows))
    for check in outcome.checks:
        style = "green" if check.holds else "bold red"
        out.print(Text(f"{'ok' if check.holds else 'NOT SO'}: {check.what}: {check.seen}", style=style))
    out.print(
        Text(
            f"{outcome.main.finished} of {outcome.main.workflows} workflows finished in {outcome.main.seconds:.2f} s"
            f" (with start and stop of the fleet {outcome.seconds:.1f} s)",
            style="green" if outcome.holds else "bold red",
        )
    )
    if beside:
        out.print(Text(f"plain Celery: {beside.finished} of {beside.workflows} workflows finished", style="yellow"))
    out.print()


def summary(outcomes: "Outcomes", broker: str) -> None:
    """Print how many topologies did all they should."""
    good = sum(outcome.holds for outcome, _ in outcomes)
    style = "bold green" if good == len(outcomes) else "bold red"
    console().print(
        Text(
            f"{good} of {len(outcomes)} topologies on {broker}: finished, and every task ran where it was predicted",
            style=style,
        )
    )


def as_json(outcomes: "Outcomes", broker: str) -> None:
    """Print a list with an entry a topology."""
    print_json([_document(outcome, beside, broker) for outcome, beside in outcomes])


def _document(outcome: "Demonstrated", beside: "PlainOutcome | None", broker: str) -> dict[str, Any]:
    document = run_view.document(outcome.name, broker, outcome.main)
    document["more"] = [run_view.document(name, broker, report) for name, report in outcome.more.items()]
    document["checks"] = [{"what": check.what, "seen": check.seen, "holds": check.holds} for check in outcome.checks]
    document["holds"] = outcome.holds
    if beside:
        document["plain"] = {
            "workflows": beside.workflows,
            "finished": beside.finished,
            "seconds": round(beside.seconds, 3),
        }
    return document
