"""What `allot up` shows while the fleet runs."""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Protocol

import click

from allotment.local.part import Part
from allotment.local.supervisor import Reporter
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


class UpReporter(Reporter, Protocol):
    """A reporter that also knows of the fleet as a whole; `deaf`: nobody reads any more what it writes."""

    @property
    def deaf(self) -> bool:
        """Whether nobody reads any more."""

    def header(self, part: Part) -> None:
        """The workers are about to be started."""

    def left_over(self, name: str) -> None:
        """A worker that an earlier supervisor had left was ended."""

    def all_ready(self, count: int) -> None:
        """Every worker consumes."""

    def stopping(self, grace: float) -> None:
        """Told to stop; `grace` 0: at once."""


def reporter(form: str, names: Sequence[str]) -> UpReporter:
    """Give the reporter for a format."""
    return JsonLines() if form == "json" else TextLines(names)


class Listener:
    """Writes while somebody reads; afterwards it is silent and says so in `deaf`, so that the fleet can be stopped."""

    deaf = False

    def _write(self, text: str) -> None:
        if self.deaf:
            return
        try:
            click.echo(text)
            sys.stdout.flush()
        except OSError:
            self.deaf = True
            # Python flushes once more at its end, and would complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class TextLines(Listener):
    """A line of the log a line, each worker in its own colour."""

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(map(len, names), default=0)
        self._colour = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}

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
            self._write(click.style(f"{name:<{self._width}} | ", fg=self._colour[name]) + text)

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

    def again(self, name: str, delay: float) -> None:
        """Say when a worker is started again."""
        self._say(name, f"starting it again in {show_duration(delay)}", fg="yellow")

    def given_up(self, name: str, code: int, last_lines: Sequence[str]) -> None:
        """Say that a worker is not started again, and what it said last."""
        errors = [line for line in last_lines if line.startswith("error: ")]
        last = next((line for line in (*errors, *reversed(last_lines)) if line.strip()), "it printed nothing")
        self._say(name, f"given up after it ended with {_code(code)}; {last}", fg="red", bold=True)

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


class JsonLines(Listener):
    """One JSON object a line."""

    def _print(self, event: str, **values: Any) -> None:
        self._write(json.dumps({"time": time.time(), "event": event, **values}))

    def header(self, part: Part) -> None:
        """Name the fleet's part."""
        self._print(
            "fleet", file=str(part.file.path), nodes=part.nodes, workers=[worker.name for worker in part.workers]
        )

    def line(self, name: str, text: str) -> None:
        """Give a line of the log."""
        self._print("line", worker=name, text=text)

    def started(self, name: str, pid: int) -> None:
        """Give a start."""
        self._print("started", worker=name, pid=pid)

    def ready(self, name: str) -> None:
        """Give a worker's readiness."""
        self._print("ready", worker=name)

    def ended(self, name: str, code: int) -> None:
        """Give an end."""
        self._print("ended", worker=name, code=code)

    def again(self, name: str, delay: float) -> None:
        """Give a restart to come."""
        self._print("again", worker=name, seconds=delay)

    def given_up(self, name: str, code: int, last_lines: Sequence[str]) -> None:
        """Give a worker that is not started again."""
        self._print("given-up", worker=name, code=code, last_lines=list(last_lines))

    def left_over(self, name: str) -> None:
        """Give an old process that was ended."""
        self._print("left-over", worker=name)

    def all_ready(self, count: int) -> None:
        """Give the fleet's readiness."""
        self._print("fleet-ready", workers=count)

    def stopping(self, grace: float) -> None:
        """Give the stop."""
        self._print("stopping", grace=grace)


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
