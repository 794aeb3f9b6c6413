"""What `allot check` shows."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from allotment.cli.examining import Examined
from allotment.cli.output import note, print_json
from allotment.cli.views.findings import annotation, github_line, show_finding
from allotment.errors import AllotmentError
from allotment.model.quantities import counted
from allotment.rules.rule import Rule
from allotment.rules.running import Found


def show(examined: Examined, mended: Sequence[Found], rules: Sequence[Rule], form: str) -> None:
    """Print the outcome: for people, as JSON, as SARIF, or as annotations for GitHub."""
    if form == "text":
        _as_text(examined, mended)
    elif form == "json":
        print_json(_document(examined, mended))
    elif form == "sarif":
        from allotment.cli.views.sarif import sarif  # only SARIF pays for it

        print_json(sarif(examined, rules))
    elif form == "github":
        for found in examined.report.found:
            click.echo(github_line(found))
    else:
        raise ValueError(f"there is no form {form!r}")


def show_failure(error: AllotmentError, form: str) -> None:
    """Print why there is no outcome, for those who read annotations or SARIF; people and JSON are told elsewhere."""
    if form == "sarif":
        from allotment.cli.views.sarif import failure  # only SARIF pays for it

        print_json(failure(error))
    elif form == "github":
        for part in error.parts():
            click.echo(annotation("error", part.code, part.where, f"{part.message}. {part.hint or ''}".rstrip()))


def _as_text(examined: Examined, mended: Sequence[Found]) -> None:
    """Findings go to standard error, with the lines they are about; the outcome to standard output."""
    lines = {file: text.splitlines() for file, text in examined.document.texts.items()}
    for found in examined.report.found:
        show_finding(found, lines)
    for done in mended:
        click.secho(f"mended {done.rule.name}: {done.finding.message}", err=True, dim=True)
    if not examined.loaded.plan.tasks:
        note("note: no task is known; name the app with app: or --app, or list the tasks under tasks:")
    click.echo(_proved(examined))
    parts = []
    if examined.report.found:
        fixable = sum(bool(one.finding.edits) for one in examined.report.found)
        by_fix = f", {fixable} of them mended by --fix" if fixable and not mended else ""
        parts.append(counted(len(examined.report.found), "finding") + by_fix)
    if mended:
        parts.append(f"{len(mended)} mended")
    if examined.report.ignored:
        parts.append(f"{len(examined.report.ignored)} ignored by comments")
    if parts:
        click.echo("; ".join(parts))


def _proved(examined: Examined) -> str:
    plan, proof = examined.loaded.plan, examined.proof
    parts = (("task", plan.tasks), ("queue", plan.queues), ("lane", plan.lanes), ("worker", plan.workers))
    size = ", ".join(counted(len(values), noun) for noun, values in parts)
    if proof.holds:
        pairs = counted(proof.pairs, "pair")
        return f"proved: {pairs} of task and queue, each reaches only workers that can run it ({size})"
    return f"not proved: {counted(len(proof.counter_examples), 'counter-example')} ({size})"


def _document(examined: Examined, mended: Sequence[Found]) -> dict[str, Any]:
    plan, proof = examined.loaded.plan, examined.proof
    return {
        "file": str(examined.loaded.file.path),
        "holds": proof.holds,
        "pairs": proof.pairs,
        "tasks": len(plan.tasks),
        "queues": len(plan.queues),
        "lanes": len(plan.lanes),
        "workers": len(plan.workers),
        "counter_examples": [asdict(example) for example in proof.counter_examples],
        "findings": [_finding(found) for found in examined.report.found],
        "ignored": [_finding(found) for found in examined.report.ignored],
        "mended": [_finding(found) for found in mended],
    }


def _finding(found: Found) -> dict[str, Any]:
    return {
        "rule": found.rule.name,
        "severity": str(found.rule.severity),
        "confidence": str(found.rule.confidence),
        "message": found.finding.message,
        "remedy": found.finding.remedy,
        "fixable": bool(found.finding.edits),
        "places": [
            asdict(where) | {"text": label.text}
            for label, where in zip(found.finding.labels, found.places, strict=True)
        ],
    }
