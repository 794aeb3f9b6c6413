"""One worker kept running: started, followed, started again, and ended when it is told to."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from signal import SIGQUIT, SIGTERM

from allotment.local.heartbeat import Beat
from allotment.local.ledger import Entry
from allotment.local.supervision.command import Command
from allotment.local.supervision.process import WorkerProcess
from allotment.local.supervision.restarts import History
from allotment.local.supervision.strays import end_strays
from allotment.local.supervision.terms import Terms
from allotment.local.supervision.watchdog import Watch
from allotment.local.variables import GRACE, LIFELINE, MARK, REPORT
from allotment.local.watch import READY, STOPPING

LAST_WORDS = 1.0
"""Seconds for which a worker's output is read on after its end."""
NOW = 2.0
"""Seconds between telling a worker to stop at once and killing it."""
IDLE_GRACE = 5.0
"""Seconds for a worker to end that does not do its work, and runs no task."""

_LAST_LINES = 12
_LONGEST_LINE = 2**16
_CANNOT_START = 126
"""The code of a process that could not be started, as in shells."""


@dataclass
class _Run:
    """One process of the worker, from its start to its end. `end` is told how many seconds it gets to finish."""

    process: WorkerProcess
    began: float
    end: "asyncio.Future[float]"
    ready: bool = False
    watch: Watch = field(default_factory=Watch)


class Keeping:
    """Keeps the worker of a command running until `leave`."""

    def __init__(self, command: Command, terms: Terms) -> None:
        self.command = command
        self.given_up = False
        self.stuck = False
        """Whether it does not come up by its command, as far as can be told."""
        self._terms = terms
        self._history = History()
        self._run: _Run | None = None
        self._last_lines: list[str] = []
        self._leaving = False
        self._changed = False
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.command.name

    @property
    def ready(self) -> bool:
        """Whether it consumes."""
        return self._run is not None and self._run.ready

    @property
    def tasks(self) -> int:
        """How many tasks it runs, as far as is known; less than none where it does not run at all."""
        return -1 if self._run is None else self._run.watch.running or 0

    def leave(self) -> None:
        """Let it finish what it runs, and keep it no longer."""
        self._leaving = True
        self._end(self._terms.grace)

    async def replace(self, command: Command) -> bool:
        """Let it finish what it runs and start it by another command; say whether it came to consume."""
        self.command, self._changed = command, True
        self.given_up = self.stuck = False
        self._settled.clear()
        self._end(self._terms.grace)
        return await self.settled()

    async def settled(self) -> bool:
        """Wait until it consumes, does not come up or is to leave; say whether it consumes."""
        await self._settled.wait()
        return self.ready

    def look(self) -> None:
        """Start it again where it does not do its work."""
        run = self._run
        reason = run.watch.trouble(time.monotonic()) if run is not None and not run.end.done() else None
        if run is not None and reason is not None:
            self._terms.reporter.restarting(self.name, reason)
            run.end.set_result(self._terms.grace if run.watch.running else IDLE_GRACE)

    def _end(self, grace: float) -> None:
        self._woken.set()
        if self._run is not None and not self._run.end.done():
            self._run.end.set_result(grace)

    async def keep(self) -> None:
        """Run the worker, again and again, until it is to leave."""
        while not self._leaving:
            self._woken.clear()
            if self._changed:
                self._changed, self._history = False, self._history.by_another_plan()
            code = await self._run_once()
            if self._leaving:
                break
            if self._changed:
                continue
            self.stuck = self._history.stuck(code)
            if self.stuck:
                self._settled.set()
            if self._history.hopeless(code):
                self._give_up(code)
                await self._woken.wait()
                continue
            self._terms.reporter.again(self.name, self._history.delay, self._history.failures, self._last_lines)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._history.delay)
        self._settled.set()

    def _give_up(self, code: int) -> None:
        self.given_up = True
        self._terms.reporter.given_up(self.name, code, self._last_lines)
        self._terms.changed()

    async def _run_once(self) -> int:
        """Start a process, follow it to its end, and clear away what it leaves. Gives its exit code."""
        try:
            process, report, output = self._start()
        except OSError as error:
            self._last_lines = [f"it cannot be started: {error}"]
            self._history = self._history.after(0.0, _CANNOT_START, ready=False)
            self._terms.reporter.ended(self.name, _CANNOT_START)
            return _CANNOT_START
        loop = asyncio.get_running_loop()
        run = self._run = _Run(process, loop.time(), loop.create_future())
        entry = Entry.of(self.name, process.pid)
        self._terms.note(entry)
        self._terms.reporter.started(self.name, process.pid)
        if self._leaving or self._changed:
            self._end(self._terms.grace)
        followers = [
            loop.create_task(self._follow_output(output)),
            loop.create_task(self._follow_report(run, report)),
            loop.create_task(self._end_when_told(run)),
        ]
        code = await process.ended()
        self._run = None
        await self._clear_away(followers)
        self._terms.strike(entry)
        self._history = self._history.after(loop.time() - run.began, code, ready=run.ready)
        self._terms.reporter.ended(self.name, code)
        return code

    def _start(self) -> tuple[WorkerProcess, int, int]:
        """Start a process; give it and two ends of pipes to read: what it reports, and what it prints. Raises OSError.

        The latter is a pipe of our own: asyncio's would not tell of the process's end while somebody else holds its
        output open (python/cpython#119710).
        """
        with ExitStack() as ours, ExitStack() as its:
            report, report_end = _pipe(ours, its)
            output, output_end = _pipe(ours, its)
            environment = {
                **self.command.environment,
                LIFELINE: str(self._terms.lifeline),
                REPORT: str(report_end),
                GRACE: str(self._terms.grace),
                MARK: self.command.mark,
            }
            passed = (self._terms.lifeline, report_end)
            process = WorkerProcess(self.command.arguments, environment, output_end, passed)
            ours.pop_all()
        return process, report, output

    async def _clear_away(self, followers: Sequence["asyncio.Task[None]"]) -> None:
        """End what the process has left, and those who followed it; what went wrong with them is told."""
        mark = self.command.mark
        try:
            await asyncio.to_thread(end_strays, lambda one: one == mark)
        except (OSError, RuntimeError) as error:  # as many files open as may be, or no room for a thread
            self._terms.reporter.warning(f"what {self.name} has left behind cannot be looked for: {error}")
        # what the worker printed last is still to be read; a process it left may hold its output open for ever
        await asyncio.wait(followers[:2], timeout=LAST_WORDS)
        for follower in followers:
            follower.cancel()
        for outcome in await asyncio.gather(*followers, return_exceptions=True):
            if isinstance(outcome, Exception):
                self._terms.reporter.warning(f"{self.name} could not be followed to its end: {outcome!r}")

    async def _follow_output(self, output: int) -> None:
        async for text in _lines(output):
            self._last_lines = [*self._last_lines[1 - _LAST_LINES :], text]
            self._terms.reporter.line(self.name, text)

    async def _follow_report(self, run: _Run, report: int) -> None:
        async for text in _lines(report):
            if text == READY:
                run.ready, self.stuck = True, False
                if not self._changed:  # else it is still the process of the command before
                    self._settled.set()
                self._terms.reporter.ready(self.name)
                self._terms.changed()
            elif text == STOPPING:
                run.watch.heard(None)
            else:
                with contextlib.suppress(ValueError):
                    run.watch.heard(Beat.from_json(text))

    async def _end_when_told(self, run: _Run) -> None:
        """Let the worker drain, and kill it after the grace; told to stop at once, do not wait so long."""
        grace = await run.end
        run.process.signal(SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._terms.at_once.wait(), grace)
        # Celery's cold shutdown gives back what was not begun (celery/apps/worker.py)
        run.process.signal(SIGQUIT)
        await asyncio.sleep(NOW)
        run.process.kill_group()


def _pipe(ours: ExitStack, its: ExitStack) -> tuple[int, int]:
    """Make a pipe, whose end to read is closed with the first, and whose end to write with the second."""
    reading, writing = os.pipe()
    ours.callback(os.close, reading)
    its.callback(os.close, writing)
    return reading, writing


async def _lines(descriptor: int) -> AsyncIterator[str]:
    """Give the lines that come through a pipe, until its other end is closed."""
    async with _reading(descriptor) as reader:
        while True:
            try:
                line = await reader.readline()
            except ValueError:  # a line over the limit: its beginning has been dropped
                line = b"(a line too long to show)\n"
            if not line:
                return
            yield line.decode(errors="replace").rstrip()


@asynccontextmanager
async def _reading(descriptor: int) -> AsyncIterator[asyncio.StreamReader]:
    """Read the end of a pipe, and close it."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        yield reader
    finally:
        transport.close()
