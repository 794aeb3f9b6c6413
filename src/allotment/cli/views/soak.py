"""What `allot faults --soak` shows."""

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import click
from rich.table import Table
from rich.text import Text

from allotment.cli.output import console, note
from allotment.cli.views.faults import check_documents, verdict_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from allotment.testing.faults.schedule import Planned
    from allotment.testing.faults.soaked import Happened, Soaked
    from allotment.testing.faults.soaking import SoakOrder


class Progress:
    """Tells of a soak while it goes on, on standard error; the line of figures on a terminal alone."""

    def __init__(self, broker: str, order: "SoakOrder") -> None:
        self._broker = broker
        self._order = order
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        order = self._order
        note(f"{self._broker}: {order.seconds:g} s, {order.rate:g} tasks a second, seed {order.seed}")
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        self._clear()

    def begin(self, planned: "Sequence[Planned]") -> None:
        """Show the whole schedule before the first fault."""
        for one in planned:
            note(f"  at {one.at:6.1f} s  {one.fault}")
        note(f"{len(planned)} faults to come; now it begins")

    def tell(self, what: "Happened | str") -> None:
        """Show a fault that happened, or how things stand."""
        if isinstance(what, str):
            if self._terminal:
                click.echo(f"\r\033[K{what}", err=True, nl=False)
            return
        self._clear()
        note(f"  {what.planned.at:6.1f} s  {what.planned.fault}: {_seen(what)}")

    def _clear(self) -> None:
        if self._terminal:
            click.echo("\r\033[K", err=True, nl=False)


def _seen(what: "Happened") -> str:
    if not what.landed:
        return f"MISSED: {what.seen}"
    recovered = "NOT RECOVERED" if what.recovered is None else f"recovered in {what.recovered:.1f} s"
    return f"{what.seen}, {recovered}"


def show(broker: str, order: "SoakOrder", soaked: "Soaked") -> None:
    """Print what came of it: each kind of fault, and the figures."""
    out = console()
    table = Table(box=None, pad_edge=False)
    for name in ("fault", "landed", "missed", "recovered, median", "slowest"):
        table.add_column(name, header_style="bold", justify="left" if name == "fault" else "right")
    for fault in dict.fromkeys(one.planned.fault for one in soaked.happened):
        of_kind = [one for one in soaked.happened if one.planned.fault == fault]
        times = sorted(one.recovered for one in of_kind if one.recovered is not None)
        landed = sum(one.landed for one in of_kind)
        shown = (f"{times[len(times) // 2]:.1f} s", f"{times[-1]:.1f} s") if times else ("", "")
        table.add_row(str(fault), str(landed), str(len(of_kind) - landed), *shown)
    out.print(table)
    verdict = soaked.verdict
    for shortcoming in soaked.shortcomings:
        out.print(Text(shortcoming, style="red"))
    for fate, count in Counter(verdict.fates.values()).items():
        out.print(Text(f"{count} of the lost: {fate}", style="red"))
    for orphan in verdict.orphans:
        out.print(Text(f"orphan: {orphan}", style="red"))
    out.print(
        Text(
            f"{broker}: {verdict.confirmed} confirmed, {soaked.refused} refused: {len(verdict.lost)} lost,"
            f" {len(verdict.wrong)} on a wrong worker, {len(verdict.pending)} pending, {verdict.duplicates} duplicates,"
            f" {len(verdict.orphans)} orphans, {verdict.set_aside} set aside"
            f" (seed {order.seed}, {soaked.seconds:.0f} s)",
            style="bold green" if soaked.passed else "bold red",
        )
    )


def document(broker: str, order: "SoakOrder", soaked: "Soaked") -> dict[str, Any]:
    """Give a soak for JSON."""
    return {
        "broker": broker,
        "seed": order.seed,
        "seconds": round(soaked.seconds, 3),
        "rate": order.rate,
        "refused": soaked.refused,
        **verdict_document(soaked.verdict),
        "left": soaked.drained,
        "checks": check_documents(soaked.checks),
        "shortcomings": list(soaked.shortcomings),
        "passed": soaked.passed,
        "interrupted": soaked.interrupted,
        "faults": [
            {
                "at": one.planned.at,
                "fault": str(one.planned.fault),
                "landed": one.landed,
                "seen": one.seen,
                "recovered_seconds": None if one.recovered is None else round(one.recovered, 3),
            }
            for one in soaked.happened
        ],
    }
