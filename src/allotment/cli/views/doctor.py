"""What `allot doctor` shows."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import click

from allotment.cli.output import print_json, visible
from allotment.local.diagnosis.check import Check, Status
from allotment.model.quantities import counted

_STYLES: dict[Status, dict[str, Any]] = {
    Status.OK: {"fg": "green"},
    Status.WARNING: {"fg": "yellow"},
    Status.FAILED: {"fg": "red", "bold": True},
    Status.UNKNOWN: {"dim": True},
}
_NARROWEST = 80
_STATUS_WIDTH = max(map(len, Status))
_NAME_WIDTH = 12
_INDENT = " " * (2 + _STATUS_WIDTH + 2 + _NAME_WIDTH + 2)


def as_text(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Print each check as it is made, in a line with its group over it; then how many came out how. Give them all."""
    seen = tuple(_printed(checks))
    counts = {status: sum(check.status is status for check in seen) for status in Status}
    words = [f"{counts[Status.OK]} ok"]
    words += [counted(counts[Status.WARNING], "warning")] if counts[Status.WARNING] else []
    words += [f"{counts[Status.FAILED]} failed"] if counts[Status.FAILED] else []
    click.secho(f"\n{', '.join(words)}", fg="red" if counts[Status.FAILED] else None)
    return seen


def _printed(checks: Iterable[Check]) -> Iterator[Check]:
    group = None
    for check in checks:
        if check.group != group:
            group = check.group
            click.secho(group, bold=True)
        _print(check)
        yield check


def _print(check: Check) -> None:
    status = click.style(f"{check.status:<{_STATUS_WIDTH}}", **_STYLES[check.status])
    took = "" if check.milliseconds is None else click.style(f" ({check.milliseconds:.1f} ms)", dim=True)
    click.echo(f"  {status}  {visible(check.name):<{_NAME_WIDTH}}  {visible(check.detail)}{took}")
    for word, text in (("cause", check.cause), ("try", check.remedy)):
        if text is not None:
            click.echo(f"{_INDENT}{click.style(f'{word}: ', fg='cyan')}{_folded(visible(text))}")


def _folded(text: str) -> str:
    """Break a long text for a terminal, under its beginning; elsewhere a line stays a line."""
    if not sys.stdout.isatty():
        return text
    inner = _INDENT + " " * len("cause: ")
    width = max(_NARROWEST, shutil.get_terminal_size().columns)
    return textwrap.fill(text, width, initial_indent=inner, subsequent_indent=inner, break_long_words=False).lstrip()


def as_json(checks: Iterable[Check], file: str | None) -> tuple[Check, ...]:
    """Print the same for programs when all are made, and give them."""
    seen = tuple(checks)
    fine = not any(check.failed for check in seen)
    print_json({"file": file, "fine": fine, "checks": [_document(check) for check in seen]})
    return seen


def _document(check: Check) -> dict[str, Any]:
    took = check.milliseconds
    return {
        "group": check.group,
        "name": check.name,
        "status": str(check.status),
        "detail": check.detail,
        "cause": check.cause,
        "try": check.remedy,
        "milliseconds": None if took is None else round(took, 3),
    }
