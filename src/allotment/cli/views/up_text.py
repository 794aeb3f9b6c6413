"""What `allot up` shows to people."""

import os
from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import click

from allotment.cli.output import visible
from allotment.cli.views.listener import Listener
from allotment.errors import AllotmentError
from allotment.local.part import Part
from allotment.model.quantities import counted, show_duration

_COLOURS = (
    "cyan",
    "green",
    "yellow",
    "magenta",
    "blue",
    "bright_cyan",
    "bright_green",
    "bright_yellow",
    "bright_magenta",
)


class TextLines(Listener):
    """A line of the log a line, each worker in its own colour."""

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(map(len, names), default=0)
        self._colour = dict(zip(names, cycle(_COLOURS), strict=False))

    def header(self, part: Part) -> None:
        """Name the fleet, the broker and the workers."""
        broker = part.file.model.broker
        nodes = ", ".join(part.nodes)
        self._write(
            f"{part.file.path.name}: {counted(len(part.workers), 'worker')} on {nodes},"
            f" broker {broker.shown if broker else 'of the app'}"
        )
        if len(part.nodes) > 1:
            self._write("this machine plays every node; run one with --node NAME")
        elif len(part.file.model.nodes) > 1 and part.uses_embedded:
            self._write("the embedded broker serves this machine alone; name another for a fleet of several machines")

    def line(self, name: str, text: str) -> None:
        """Print what a worker printed; blank lines are left out."""
        if text.strip():
            colour = self._colour.setdefault(name, _COLOURS[len(self._colour) % len(_COLOURS)])
            self._write(click.style(f"{name:<{self._width}} | ", fg=colour) + text)

    def _say(self, name: str, text: str, **style: Any) -> None:
        self.line(name, click.style(text, **style))

    def started(self, name: str, pid: int) -> None:
        """Say that a process runs."""
        self._say(name, f"started, process {pid}", dim=True)

    def ready(self, name: str) -> None:
        """Say that a worker consumes."""
        self._say(name, "ready", fg="green")

    def ended(self, name: str, code: int) -> None:
        """Say how a process ended."""
        self._say(name, "stopped" if code == 0 else f"ended with {_code(code)}", fg=None if code == 0 else "red")

    def again(self, name: str, delay: float, failures: int, last_lines: Sequence[str]) -> None:
        """Say when a worker is started again, and, where it ends again and again, what it said last."""
        often = f", having ended {failures} times in a row; {_last(last_lines)}" if failures > 1 else ""
        self._say(name, f"starting it again in {show_duration(delay)}{often}", fg="yellow")

    def given_up(self, name: str, code: int, last_lines: Sequence[str]) -> None:
        """Say that a worker is not started again, and what it said last."""
        self._say(name, f"given up after it ended with {_code(code)}; {_last(last_lines)}", fg="red", bold=True)

    def restarting(self, name: str, reason: str) -> None:
        """Say that a worker does not do its work."""
        self._say(name, f"{reason}; it is started again", fg="red")

    def draining(self, name: str) -> None:
        """Say that a worker takes nothing more."""
        self._say(name, "takes nothing more, and finishes what it runs", fg="yellow")

    def warning(self, text: str) -> None:
        """Say what is not as it should be."""
        self._write(click.style(f"warning: {text}", fg="yellow"))

    def file_changed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        """Say that the file is another one, and how to follow it."""
        runs = f"{file.name} has changed; still running the plan of {_moment(since)}"
        if problems:
            self._problems(f"{runs}, as the new one cannot be run:", problems)
        else:
            self._write(click.style(f"{runs}; send SIGHUP (kill -HUP {os.getpid()}) to follow it", fg="yellow"))

    def file_as_before(self, file: Path) -> None:
        """Say that there is nothing to follow any more."""
        self._write(click.style(f"{file.name} is again the one that runs", fg="green"))

    def not_followed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        """Say why the file is not followed."""
        self._problems(f"{file.name} is not followed; still running the plan of {_moment(since)}:", problems)

    def _problems(self, title: str, problems: Sequence[AllotmentError]) -> None:
        lines = [visible(str(problem)) for problem in problems]
        self._write(click.style("\n  ".join((title, *lines)), fg="red"))

    def following(self, ending: Sequence[str], starting: Sequence[str], changing: Sequence[str]) -> None:
        """Say what is about to happen."""
        parts = (("ending", ending), ("starting", starting), ("starting anew", changing))
        said = "; ".join(f"{what} {', '.join(names)}" for what, names in parts if names)
        self._write(click.style(f"following the file: {said or 'no worker has to change'}", fg="yellow"))

    def followed(self, file: Path, stuck: str | None) -> None:
        """Say that it is done, or how far it came."""
        if stuck is None:
            self._write(click.style(f"{file.name} is followed", fg="green", bold=True))
        else:
            text = f"{stuck} does not come up by the new {file.name}; workers not yet started anew go on by the old one"
            self._write(click.style(text, fg="red", bold=True))

    def left_over(self, name: str) -> None:
        """Say that an old process was ended."""
        self._say(name, "an earlier supervisor had left this worker; it was ended", fg="yellow")

    def all_ready(self, count: int) -> None:
        """Say that the fleet is ready."""
        text = f"the fleet is ready: {counted(count, 'worker')}; Ctrl-C drains and stops"
        self._write(click.style(text, fg="green", bold=True))

    def stopping(self, grace: float) -> None:
        """Say what happens now."""
        text = f"what runs may finish within {show_duration(grace)}; Ctrl-C again stops now" if grace else "now"
        self._write(click.style(f"\nstopping: {text}", fg="yellow"))


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"


def _last(lines: Sequence[str]) -> str:
    """Give the most telling of a worker's last lines."""
    errors = [line for line in lines if line.startswith("error: ")]
    return next((line for line in (*errors, *reversed(lines)) if line.strip()), "it printed nothing")


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
