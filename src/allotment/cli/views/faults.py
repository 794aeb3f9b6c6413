"""What `allot faults` shows."""

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from allotment.cli.output import console, note, print_json
from allotment.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allotment.testing.faults.case import Case
    from allotment.testing.faults.oracle import Verdict
    from allotment.testing.faults.outcome import Check, Outcome

_STYLES = {"kept": "green", "broken": "bold red", "missed": "yellow", "skipped": "dim"}
_LETTERS = "L lost, W on a wrong worker, P results that stay pending, D duplicates, O orphan processes, S set aside"


def listing(cases: "Sequence[Case]", form: str) -> ExitCode:
    """List cases, with the brokers they make sense on."""
    if form == "json":
        print_json(
            [
                {"case": case.number, "title": case.title, "brokers": list(case.brokers), "elsewhere": case.elsewhere}
                for case in cases
            ]
        )
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for name in ("case", "what happens", "on"):
        table.add_column(name, header_style="bold")
    for case in cases:
        table.add_row(case.number, case.title, case.elsewhere or ", ".join(case.brokers))
    console().print(table)
    return ExitCode.OK


def beginning(case: "Case", broker: str, form: str) -> None:
    """Say which case is run now, where somebody looks on."""
    if form == "text" and sys.stderr.isatty() and not case.elsewhere:
        click.echo(f"{case.number} on {broker}: {case.title} ...\r", err=True, nl=False)


def ended(outcome: "Outcome", form: str) -> None:
    """Say at once how a case ended."""
    if form == "text":
        seconds = f" in {outcome.seconds:.1f} s" if outcome.seconds is not None else ""
        clear = "\033[K" if sys.stderr.isatty() else ""
        note(f"{clear}{outcome.number} on {outcome.broker}: {outcome.status}{seconds}")


def matrix(outcomes: "Sequence[Outcome]", form: str, *, passed: bool) -> None:
    """Show every outcome, what went wrong in detail, and the sums."""
    if form == "json":
        print_json(
            {
                "cases": [document(outcome) for outcome in outcomes],
                **{status: _count(outcomes, status) for status in _STYLES},
                "passed": passed,
            }
        )
        return
    out = console()
    out.print(_table(outcomes))
    out.print(Text(_LETTERS, style="dim"))
    for outcome in outcomes:
        _explain(outcome)
    sums = [f"{count} {status}" for status in _STYLES if (count := _count(outcomes, status))]
    if len(outcomes) == _count(outcomes, "skipped"):
        sums.append("nothing was run")
    many = "1 case" if len(outcomes) == 1 else f"{len(outcomes)} cases"
    out.print(Text(f"{many}: {', '.join(sums)}", style="bold green" if passed else "bold red"))


def _count(outcomes: "Sequence[Outcome]", status: str) -> int:
    return sum(outcome.status == status for outcome in outcomes)


def _table(outcomes: "Sequence[Outcome]") -> Table:
    table = Table(box=None, pad_edge=False)
    plain = any(outcome.plain for outcome in outcomes)
    for name in ("case", "broker", "", "L", "W", "P", "D", "O", "S", "recovered"):
        right = len(name) == 1 or name == "recovered"
        table.add_column(name, header_style="bold", justify="right" if right else "left", no_wrap=True)
    if plain:
        table.add_column("plain Celery", header_style="bold", no_wrap=True)
    table.add_column("what landed", header_style="bold")
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f} s" if outcome.seconds is not None else ""
        row: list[Text | str] = [outcome.number, outcome.broker, Text(outcome.status, style=_STYLES[outcome.status])]
        row += [*_figures(outcome.verdict), seconds, *([_beside(outcome.plain)] if plain else [])]
        table.add_row(*row, "; ".join(outcome.landed) or outcome.note)
    return table


def _figures(verdict: "Verdict | None") -> list[str]:
    if verdict is None:
        return [""] * 6
    counts = (
        len(verdict.lost), len(verdict.wrong), len(verdict.pending),
        verdict.duplicates, len(verdict.orphans), verdict.set_aside,
    )  # fmt: skip
    return [str(count) for count in counts]


def _beside(outcome: "Outcome | None") -> str:
    """Give what plain Celery loses, in short."""
    if outcome is None:
        return ""
    if outcome.verdict is None:
        return str(outcome.status)
    lost, pending = len(outcome.verdict.lost), len(outcome.verdict.pending)
    seen = [f"{count} {word}" for count, word in ((lost, "lost"), (pending, "pending")) if count]
    failed = sum(not check.holds for check in outcome.checks)
    return ", ".join(seen) or (f"{failed} not as it should be" if failed else "nothing lost")


def _explain(outcome: "Outcome") -> None:
    """Print what was not as promised, in full."""
    if outcome.status not in {"broken", "missed"}:
        return
    out = console()
    out.print(Text(f"\n{outcome.number} on {outcome.broker}: {outcome.title}", style="bold"))
    for line in _complaints(outcome):
        out.print(Text(f"  {line}", style="red"))


def _complaints(outcome: "Outcome") -> "Sequence[str]":
    lines = [outcome.note] if outcome.note else []
    lines += [f"NOT SO: {check.what}: {check.seen}" for check in outcome.checks if not check.holds]
    if outcome.verdict is not None:
        lines += _broken(outcome.verdict)
    return lines


def _broken(verdict: "Verdict") -> "Sequence[str]":
    lines = []
    for what, ids in (("lost", verdict.lost), ("pending for ever", verdict.pending)):
        if ids:
            lines.append(f"{what}: {len(ids)} of {verdict.confirmed} confirmed, such as {ids[0]}")
    lines += [f"{count} of the lost: {fate}" for fate, count in Counter(verdict.fates.values()).items()]
    lines += [f"wrong worker: {run.task} on {run.worker}" for run in verdict.wrong[:3]]
    lines += [f"orphan: {orphan}" for orphan in verdict.orphans]
    return lines


def document(outcome: "Outcome") -> dict[str, Any]:
    """Give an outcome for JSON."""
    found: dict[str, Any] = {
        "case": outcome.number,
        "title": outcome.title,
        "broker": outcome.broker,
        "status": str(outcome.status),
        **verdict_document(outcome.verdict),
        "recovered_seconds": None if outcome.seconds is None else round(outcome.seconds, 3),
        "landed": list(outcome.landed),
        "checks": check_documents(outcome.checks),
        "note": outcome.note,
    }
    if outcome.plain:
        found["plain"] = document(outcome.plain)
    return found


def check_documents(checks: "Sequence[Check]") -> list[dict[str, Any]]:
    """Give what had to be seen, and what was, for JSON."""
    return [{"what": one.what, "seen": one.seen, "holds": one.holds} for one in checks]


def verdict_document(verdict: "Verdict | None") -> dict[str, Any]:
    """Give the figures for JSON; null where nothing was judged."""
    names = ("confirmed", "lost", "fates", "wrong_worker", "pending", "duplicates", "set_aside", "orphans")
    if verdict is None:
        return dict.fromkeys(names)
    values = (
        verdict.confirmed, list(verdict.lost), dict(verdict.fates),
        [f"{run.task} on {run.worker}" for run in verdict.wrong],
        list(verdict.pending), verdict.duplicates, verdict.set_aside, list(verdict.orphans),
    )  # fmt: skip
    return dict(zip(names, values, strict=True))
