"""Where commands write: results to standard output, all else to standard error, colour only on a terminal."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from allotment.errors import AllotmentError, Where

if TYPE_CHECKING:
    from rich.console import Console

_JSON_ASKED = "allotment.json"
_MOST_SHOWN = 50
"""So many errors are shown to people, who mend those first."""
_WIDEST = 160
"""Characters shown of a longer line."""


def print_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document on standard output."""
    import json  # only JSON output pays for it

    click.echo(json.dumps(document, indent=2, default=str))


def console(*, stderr: bool = False) -> "Console":
    """Give a console for tables; wide where nothing is known of the width, so that pipes lose no text."""
    from rich.console import Console  # only commands that draw tables pay for it

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 160, highlight=False, soft_wrap=False)


def visible(text: str) -> str:
    """Give text with every control character but tabs written out: what a file says must not steer a terminal."""
    return "".join(
        character if character.isprintable() or character == "\t" else character.encode("unicode_escape").decode()
        for character in text
    )


def note(text: str) -> None:
    """Print a remark that is not part of the result."""
    click.secho(text, err=True, dim=True)


def json_asked() -> None:
    """Remember that this command answers in JSON, so that its errors do too."""
    context = click.get_current_context(silent=True)
    if context:
        context.find_root().meta[_JSON_ASKED] = True


def show_errors(error: AllotmentError) -> None:
    """Show what is wrong, where and what to do: with the line of the file, or as JSON where that was asked for."""
    context = click.get_current_context(silent=True)
    if context and context.find_root().meta.get(_JSON_ASKED):
        print_json({"errors": [error_document(part) for part in error.parts()]})
        return
    parts = error.parts()
    for part in parts[:_MOST_SHOWN]:
        place = f"{part.where}: " if part.where else ""
        click.echo(click.style("error: ", fg="red", bold=True) + visible(f"{place}{part.message}"), err=True)
        if part.where:
            _show_line(part.where)
        if part.hint:
            click.echo(click.style("  help: ", fg="cyan") + visible(part.hint), err=True)
    if len(parts) > _MOST_SHOWN:
        note(f"and {len(parts) - _MOST_SHOWN} more")


def error_document(error: AllotmentError) -> dict[str, Any]:
    """Give an error for JSON."""
    where = error.where
    return {
        "code": error.code,
        "message": error.message,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
        "hint": error.hint,
    }


def _show_line(where: Where) -> None:
    """Show the line with a mark under the place; a line that holds a password is not shown."""
    if where.line is None:
        return
    try:
        with open(where.file, encoding="utf-8") as file:  # noqa: PTH123 - a line by number needs no path object
            text = next((line for number, line in enumerate(file, 1) if number == where.line), "").rstrip()
    except (OSError, UnicodeDecodeError):
        return
    if not text.strip() or "://" in text:
        return
    number = f"{where.line:>5}"
    shown, column = around(text, where.column or 1)
    click.echo(click.style(f"{number} | ", dim=True) + visible(shown), err=True)
    if where.column:
        click.echo(
            click.style(" " * len(number) + " | ", dim=True) + " " * (column - 1) + click.style("^", fg="red"),
            err=True,
        )


def around(line: str, column: int) -> tuple[str, int]:
    """Give as much of a long line as is read at a glance, and the column in that."""
    begin = max(0, column - _WIDEST // 2) if len(line) > _WIDEST else 0
    before, after = "…" * (begin > 0), "…" * (begin + _WIDEST < len(line))
    return before + line[begin : begin + _WIDEST] + after, column - begin + len(before)
