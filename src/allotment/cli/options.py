"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from allotment.cli.output import json_asked
from allotment.model.quantities import duration
from allotment.source.fleet_file import USUAL_NAME

if TYPE_CHECKING:
    _Seconds = click.ParamType[float]
    _NameAndCount = click.ParamType[tuple[str, int]]
else:  # generic only from click 8.4 on
    _Seconds = _NameAndCount = click.ParamType

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


loglevel_option = click.option(
    "-l",
    "--loglevel",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    default="INFO",
    show_default=True,
    help="What the workers log.",
)


class Duration(_Seconds):
    """A duration such as 30s or 1h30m, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it, or fail with what is wrong."""
        try:
            return duration(value if not isinstance(value, str) or not value.isdecimal() else int(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Scale(_NameAndCount):
    """PROFILE=N as a pair."""

    name = "profile=n"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Read it, or fail with what is wrong."""
        if isinstance(value, tuple):
            return value
        profile, _, count = str(value).partition("=")
        if not profile or not count.isdecimal():
            self.fail(f"{value!r} is not PROFILE=N, for example cpu=3", param, ctx)
        return profile, int(count)


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
