"""Findings as people read them, with the lines they are about, and as GitHub's annotations."""

from collections.abc import Mapping, Sequence

import click

from allotment.cli.output import around, visible
from allotment.errors import Where
from allotment.rules.rule import Severity
from allotment.rules.running import Found

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.ADVICE: "blue"}
_AT_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}


Lines = Mapping[str, Sequence[str]]
"""The lines of each file."""


def show_finding(found: Found, lines: Lines) -> None:
    """Print a finding on standard error: what is wrong, each place underlined, and what to do."""
    colour = _COLOURS[found.rule.severity]
    head = click.style(f"{found.rule.severity}[{found.rule.name}]", fg=colour, bold=True)
    click.echo(f"{head}: {visible(found.finding.message)}", err=True)
    width = max((len(str(where.line)) for where in found.places if where.line), default=1)
    margin = " " * width
    for number, (where, text) in enumerate(_said(found).items()):
        arrow = "-->" if number == 0 else ":::"
        click.echo(click.style(f"{margin}{arrow} ", dim=True) + str(where), err=True)
        _show_place(where, text, lines, (width, colour if number == 0 else "cyan", "^" if number == 0 else "-"))
    fixable = "; --fix does it" if found.finding.edits else ""
    click.echo(click.style(f"{margin} = help: ", fg="cyan") + visible(found.finding.remedy) + fixable, err=True)
    click.echo(err=True)


def _said(found: Found) -> dict[Where, str]:
    """Give what the labels say of each place; what several say of one is joined."""
    said: dict[Where, str] = {}
    for label, where in zip(found.finding.labels, found.places, strict=True):
        said[where] = f"{said[where]}; {label.text}" if where in said else label.text
    return said


def _show_place(where: Where, text: str, lines: Lines, drawn: tuple[int, str, str]) -> None:
    """Show the line with a mark under the place; of a line that holds an address only what is said of it."""
    width, colour, mark = drawn
    bar = click.style(" " * width + " | ", dim=True)
    of_file = lines.get(where.file, ())
    line = of_file[where.line - 1] if where.line is not None and where.line <= len(of_file) else ""
    if not line.strip() or "://" in line or where.column is None:
        click.echo(bar + text, err=True)
        return
    end = where.end_column if where.end_line == where.line and where.end_column else len(line) + 1
    shown, column = around(line.expandtabs(1), where.column)
    marks = mark * max(1, min(end - where.column, len(shown) - column + 1))
    click.echo(click.style(f"{where.line:>{width}} | ", dim=True) + visible(shown), err=True)
    click.echo(bar + " " * (column - 1) + click.style(f"{marks} {visible(text)}", fg=colour), err=True)


def github_line(found: Found) -> str:
    """Give the annotation of a finding."""
    where = found.places[0] if found.places else None
    text = f"{found.finding.message}. {found.finding.remedy}"
    return annotation(_AT_GITHUB[found.rule.severity], found.rule.name, where, text)


def annotation(kind: str, title: str, where: Where | None, text: str) -> str:
    """Give the command that makes GitHub show something at its line (its docs, "Workflow commands")."""
    properties: dict[str, object] = {"file": where.file, "line": where.line, "col": where.column} if where else {}
    if where and where.end_line == where.line and where.end_column:
        properties["endColumn"] = where.end_column - 1
    properties["title"] = title
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    return f"::{kind} {given}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
