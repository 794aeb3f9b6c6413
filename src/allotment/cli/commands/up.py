"""`allot up`."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import click

from allotment.cli.options import Duration, Scale, fleet_option, format_option, loglevel_option
from allotment.cli.terminal import Terminal
from allotment.cli.views import up as view
from allotment.errors import AllotmentError, ExitCode
from allotment.local.embedded import EmbeddedBroker
from allotment.local.ledger import Ledger, end_left_over
from allotment.local.nodes import NodeLocks
from allotment.local.part import Part
from allotment.local.snapshot import forget_others
from allotment.local.supervision.following import Following
from allotment.local.supervision.reading import Reading
from allotment.local.supervision.supervisor import Supervisor
from allotment.local.variables import MARK

_LOOK = 0.5
"""Seconds between looks at whether somebody still reads what is printed."""
_ONE_SIGNAL = 0.5
"""Seconds within which signals count as one: some tools signal a process and then its group."""
_HANG_UP = 0.2
"""Seconds until a terminal that hangs up is known to be gone: its shell may tell us first."""


@click.command("up")
@click.option(
    "-n", "--node", metavar="NAME", help="The node this machine is; left out, it plays every node of the file."
)
@click.option(
    "-s", "--scale", type=Scale(), multiple=True, metavar="PROFILE=N", help="Run N workers of a profile instead."
)
@click.option(
    "--grace", type=Duration(), default="30s", show_default=True, help="Time to finish what runs when stopped."
)
@loglevel_option
@fleet_option
@format_option()
def command(
    *, node: str | None, scale: tuple[tuple[str, int], ...], grace: float, loglevel: str, fleet_path: Path, form: str
) -> int:
    """Run the fleet's part of this machine.

    Proves the fleet, starts its broker if that is embedded, starts the workers and starts them again when they end or
    hang. Ctrl-C stops taking tasks, lets what runs finish within the grace and stops; a second Ctrl-C stops now.

    The workers run what was proved, whatever becomes of the file. SIGHUP proves it anew and follows it: only workers
    that it changes are ended, started or started anew, one after another, and each finishes what it runs.

    \b
    Examples:
      allot up
      allot up --node server-1
      allot up --scale cpu=3 --grace 2m
      kill -HUP PID
    """
    os.environ.pop(MARK, None)  # whoever started us, what we start is ours

    reading = Reading(fleet_path, node, dict(scale))
    part = reading.part()
    reporter = view.reporter(form, [worker.name for worker in part.workers])
    with contextlib.closing(reporter), NodeLocks(part.state, part.file.path) as locks:
        locks.hold(part.nodes)
        kept = part.keep(part.nodes[0])
        forget_others(kept)
        part.reach_broker()
        for name in end_left_over(part.state, part.nodes, grace):
            reporter.left_over(name)
        reporter.header(part)
        following = Following(part, kept, reading=reading, locks=locks, reporter=reporter, loglevel=loglevel.upper())
        return asyncio.run(_Running(part, following, reporter, grace).run())


class _Running:
    """The fleet while it runs, and what becomes of the signals that this process gets."""

    def __init__(self, part: Part, following: Following, reporter: view.UpReporter, grace: float) -> None:
        self._part = part
        self._following = following
        self._reporter = reporter
        self._grace = grace
        self._supervisor = Supervisor(following.commands, reporter, Ledger(part.state), grace)
        self._terminal = Terminal()
        self._minds_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        self._last_stop = -_ONE_SIGNAL

    async def run(self) -> ExitCode:
        """Run until stopped; give the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.call_later(_HANG_UP, self._hung_up_or_asked))
        beside = (
            _keep_broker(self._part),
            self._say_when_ready(),
            self._stop_when_deaf(),
            self._following.watch(),
            self._following.follow_when_asked(self._supervisor),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in beside]
            try:
                return await self._supervisor.run()
            finally:
                self._following.end()
                for task in tasks:
                    task.cancel()

    def _stop(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last_stop < _ONE_SIGNAL:
            return
        self._last_stop = now
        self._reporter.stopping(0 if self._supervisor.stopping else self._grace)
        self._supervisor.stop()

    def _hung_up_or_asked(self) -> None:
        """Take SIGHUP for what it means: our terminal has gone, or somebody asks us to follow the file."""
        if not self._terminal.has_gone():
            self._following.ask()
        elif self._minds_terminal:
            self._stop()

    async def _say_when_ready(self) -> None:
        if await self._supervisor.until_ready() and not self._supervisor.stopping:
            self._reporter.all_ready(len(self._supervisor.workers))

    async def _stop_when_deaf(self) -> None:
        while not self._reporter.deaf:  # noqa: ASYNC110 - writing is not asynchronous and can set no event
            await asyncio.sleep(_LOOK)
        self._supervisor.stop()


async def _keep_broker(part: Part) -> None:
    """Start the embedded broker again if its keeper should end."""
    while part.uses_embedded:
        await asyncio.sleep(_LOOK)
        with contextlib.suppress(AllotmentError, OSError, RuntimeError):  # a full disk, no room for a thread: again
            await asyncio.to_thread(EmbeddedBroker(part.state).hold)
