"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from allotment.cli.output import json_asked
from allotment.source.fleet_file import USUAL_NAME

Function = TypeVar("Function", bound=Callable[..., Any])

fleet_option = click.option(
    "-f",
    "--fleet",
    "fleet_path",
    type=click.Path(path_type=Path),
    default=USUAL_NAME,
    show_default=True,
    envvar="ALLOTMENT_FLEET",
    metavar="FILE",
    help="The fleet file.",
)


def _remember(_: click.Context, __: click.Parameter, value: str) -> str:
    if value == "json":
        json_asked()
    return value


def format_option(*more: str) -> Callable[[Function], Function]:
    """Give the options `--format` (text, json and others) and `--json`."""

    def decorate(function: Function) -> Function:
        function = click.option(
            "--format",
            "form",
            type=click.Choice(["text", "json", *more]),
            default="text",
            show_default=True,
            callback=_remember,
            is_eager=True,
            help="What to print.",
        )(function)
        return click.option(
            "--json", "form", flag_value="json", callback=_remember, is_eager=True, help="The same as --format json."
        )(function)

    return decorate
