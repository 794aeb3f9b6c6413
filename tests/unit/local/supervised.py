"""What the tests of supervising share: small processes in place of workers, and one who is told of them."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from allotment.local.ledger import Ledger
from allotment.local.state import StateFolder
from allotment.local.supervision.command import Command
from allotment.local.supervision.terms import Terms
from allotment.local.variables import REPORT

READY = f"import os, signal; os.write(int(os.environ['{REPORT}']), b'ready\\n'); signal.pause()"
"""The code of a worker that consumes until it is told to stop."""
SILENT = "import signal; signal.pause()"
"""The code of one that comes to nothing, and does not end."""
UNUSABLE = "raise SystemExit(2)"
"""The code of one whose input is bad."""


def command(name: str, code: str, *arguments: str) -> Command:
    """Give the command of a worker that runs this Python."""
    return Command(name, [sys.executable, "-S", "-c", code, *arguments], dict(os.environ), f"test-{os.getpid()}#{name}")


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


class Told:
    """Keeps what it is told of workers: the kind of it, the worker's name and what else there is."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []

    def count(self, *event: str) -> int:
        """Say how often it was told something that begins so."""
        return sum(found[: len(event)] == event for found in self.events)

    def line(self, name: str, text: str) -> None:
        self.events.append(("line", name, text))

    def started(self, name: str, pid: int) -> None:
        self.events.append(("started", name))

    def ready(self, name: str) -> None:
        self.events.append(("ready", name))

    def ended(self, name: str, code: int) -> None:
        self.events.append(("ended", name, str(code)))

    def again(self, name: str, delay: float, failures: int, last_lines: Sequence[str]) -> None:
        self.events.append(("again", name))

    def given_up(self, name: str, code: int, last_lines: Sequence[str]) -> None:
        self.events.append(("given-up", name))

    def restarting(self, name: str, reason: str) -> None:
        self.events.append(("restarting", name, reason))

    def draining(self, name: str) -> None:
        self.events.append(("draining", name))

    def warning(self, text: str) -> None:
        self.events.append(("warning", text))


@contextmanager
def terms(folder: Path, told: Told, grace: float = 20.0) -> Iterator[Terms]:
    """Give terms for workers that no supervisor looks after."""
    lifeline, end = os.pipe()
    yield Terms(told, Ledger(StateFolder(folder)), grace, lifeline, lambda: None)
    os.close(lifeline)
    os.close(end)


async def until(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.01)
