"""`allot docs`."""

import sys
from collections.abc import Sequence

import click

from allotment.cli.options import format_option
from allotment.cli.output import console, print_json


@click.group("docs")
def command() -> None:
    """Print the pages on rules and practices, which come with the program.

    \b
    Examples:
      allot docs rule
      allot docs rule prefetch-on-long-tasks
      allot docs practice set-limits
    """


@command.command("rule", short_help="Print the page of a rule, or list the rules.")
@click.argument("name", required=False)
@format_option()
def rule(*, name: str | None, form: str) -> None:
    """Print the page of the rule or practice NAME; without a name, list the rules.

    \b
    Examples:
      allot docs rule
      allot docs rule prefetch-on-long-tasks
    """
    from allotment.rules.pages import page_of_rule
    from allotment.rules.registry import every_rule

    if name is not None:
        _show_page(name, page_of_rule(name), form)
        return
    rules = every_rule()
    if form == "json":
        listed = [
            {
                "name": one.name,
                "severity": str(one.severity),
                "confidence": str(one.confidence),
                "summary": one.summary,
            }
            for one in rules
        ]
        print_json({"rules": listed})
        return
    _show_table(("rule", "severity", "what it finds"), [(one.name, str(one.severity), one.summary) for one in rules])


@command.command("practice", short_help="Print the page of a practice, or list them.")
@click.argument("name", required=False)
@format_option()
def practice(*, name: str | None, form: str) -> None:
    """Print the page of the practice NAME; without a name, list the practices and the common mistakes.

    \b
    Examples:
      allot docs practice
      allot docs practice set-limits
    """
    from allotment.rules.pages import every_practice, page_of_practice

    if name is not None:
        _show_page(name, page_of_practice(name), form)
        return
    kinds = [(one, "mistake" if one.mistake else "practice") for one in every_practice()]
    if form == "json":
        print_json({"practices": [{"name": one.name, "kind": kind, "summary": one.summary} for one, kind in kinds]})
        return
    _show_table(("name", "kind", "what it says"), [(one.name, kind, one.summary) for one, kind in kinds])


def _show_page(name: str, page: str, form: str) -> None:
    """Print a page: as it is for programs and pipes, and laid out on a terminal."""
    if form == "json":
        print_json({"name": name, "page": page})
    elif sys.stdout.isatty():
        from rich.markdown import Markdown

        console().print(Markdown(page))
    else:
        click.echo(page, nl=False)


def _show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console().print(table)
