"""The supervisor of the workers on this machine: starts them, starts them again, and ends them in good order."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from allotment.errors import ExitCode
from allotment.local.ledger import Entry, Ledger

LIFELINE = "ALLOTMENT_LIFELINE"
"""Names the descriptor whose end of file tells a worker that its supervisor is gone."""
READY = "ALLOTMENT_READY"
"""Names the descriptor on which a worker says that it consumes."""
GRACE = "ALLOTMENT_GRACE"
"""Seconds a worker that lost its supervisor may go on with what it runs."""

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STEADY = 10.0
"""A worker that ran for so many seconds is taken for sound again."""
MOST_FAILURES = 5
"""So many failures in a row, none of them ready in between, and a worker is given up."""
LAST_WORDS = 1.0
"""Seconds for which a worker's output is read on after its end."""
NOW = 2.0
"""Seconds between telling a worker to stop at once and killing it."""

_LAST_LINES = 12
_LONGEST_LINE = 2**16
_HOPELESS = {ExitCode.BAD_INPUT}
"""What a worker ends with that cannot do its work: from one that never consumed, waiting would not mend it.

Celery's own failures end with 1 and may pass: a broker that is not back yet, a name that an old worker still holds.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """How to start one worker."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


class Reporter(Protocol):
    """Who is told what happens; every method names the worker."""

    def line(self, name: str, text: str) -> None:
        """A line the worker printed."""

    def started(self, name: str, pid: int) -> None:
        """A process was started."""

    def ready(self, name: str) -> None:
        """The worker consumes."""

    def ended(self, name: str, code: int) -> None:
        """The process ended; a negative code is a signal's number."""

    def again(self, name: str, delay: float) -> None:
        """It will be started again, after so many seconds."""

    def given_up(self, name: str, code: int, last_lines: Sequence[str]) -> None:
        """It will not be started again."""


@dataclass
class _Run:
    """What is known of one worker."""

    command: Command
    process: asyncio.subprocess.Process | None = None
    ready: bool = False
    was_ready: bool = False
    failures: int = 0
    given_up: bool = False
    last_lines: list[str] = field(default_factory=list)


class Supervisor:
    """Runs workers until it is stopped. `grace` is how many seconds they get to finish what they run."""

    def __init__(self, commands: Sequence[Command], reporter: Reporter, ledger: Ledger, grace: float) -> None:
        self._runs = [_Run(command) for command in commands]
        self._reporter = reporter
        self._ledger = ledger
        self._grace = grace
        self._stopping = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._all_ready = asyncio.Event()
        self._lifeline, self._lifeline_end = os.pipe()

    @property
    def workers(self) -> Mapping[str, int | None]:
        """The process number of each worker, None for one that does not run."""
        return {run.command.name: run.process.pid if run.process else None for run in self._runs}

    def stop(self) -> None:
        """Drain and end; a second time, end at once."""
        if self._stopping.is_set():
            self._stop_now.set()
        self._stopping.set()

    async def until_ready(self) -> bool:
        """Wait until every worker consumes, or none will any more; say whether all do."""
        await self._all_ready.wait()
        return all(run.ready for run in self._runs)

    async def run(self) -> ExitCode:
        """Run the workers until `stop`, or until every one is given up. FINDINGS where one was."""
        try:
            async with asyncio.TaskGroup() as group:
                for run in self._runs:
                    group.create_task(self._keep_running(run))
        finally:
            os.close(self._lifeline)
            os.close(self._lifeline_end)
            self._all_ready.set()
        return ExitCode.FINDINGS if any(run.given_up for run in self._runs) else ExitCode.OK

    async def _keep_running(self, run: _Run) -> None:
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            code = await self._run_once(run)
            self._reporter.ended(run.command.name, code)
            if self._stopping.is_set():
                return
            steady = run.ready and asyncio.get_running_loop().time() - began > STEADY
            run.failures = 1 if steady else run.failures + 1
            if (code in _HOPELESS and not run.was_ready) or run.failures >= MOST_FAILURES:
                self._give_up(run, code)
                return
            run.ready = False
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (run.failures - 1))
            self._reporter.again(run.command.name, delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    def _give_up(self, run: _Run, code: int) -> None:
        run.given_up, run.ready = True, False
        self._reporter.given_up(run.command.name, code, run.last_lines)
        self._note_ready()

    async def _run_once(self, run: _Run) -> int:
        """Start a worker, follow it to its end, and clear away what it leaves. Gives its exit code."""
        name = run.command.name
        ready, ready_end = os.pipe()
        # a pipe of our own: asyncio's would not tell of the process's end while somebody else holds its output open
        # (python/cpython#119710)
        output, output_end = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *run.command.arguments,
            env={
                **run.command.environment,
                LIFELINE: str(self._lifeline),
                READY: str(ready_end),
                GRACE: str(self._grace),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output_end,
            stderr=output_end,
            pass_fds=(self._lifeline, ready_end),
            start_new_session=True,
        )
        os.close(ready_end)
        os.close(output_end)
        run.process = process
        self._ledger.note(Entry.of(name, process.pid))
        self._reporter.started(name, process.pid)
        followers = [
            asyncio.create_task(self._follow_output(run, output)),
            asyncio.create_task(self._follow_ready(run, ready)),
            asyncio.create_task(self._end_when_told(process)),
        ]
        code = await process.wait()
        _kill_group(process.pid, signal.SIGKILL)  # what the worker forked and left
        # what the worker printed last is still to be read; a process it left may hold its output open for ever
        await asyncio.wait(followers[:2], timeout=LAST_WORDS)
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        run.process = None
        self._ledger.strike(name)
        return code

    async def _follow_output(self, run: _Run, output: int) -> None:
        async with _reading(output) as reader:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:  # a line over the limit: its beginning has been dropped
                    line = b"(a line too long to show)\n"
                if not line:
                    return
                text = line.decode(errors="replace").rstrip()
                run.last_lines = [*run.last_lines[1 - _LAST_LINES :], text]
                self._reporter.line(run.command.name, text)

    async def _follow_ready(self, run: _Run, ready: int) -> None:
        async with _reading(ready) as reader:
            if await reader.read(1):
                run.ready = run.was_ready = True
                self._reporter.ready(run.command.name)
                self._note_ready()

    def _note_ready(self) -> None:
        if all(run.ready or run.given_up for run in self._runs):
            self._all_ready.set()

    async def _end_when_told(self, process: asyncio.subprocess.Process) -> None:
        """Once stopping: let the worker drain, and kill it after the grace; told to stop now, do not wait so long."""
        await self._stopping.wait()
        _kill(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop_now.wait(), self._grace)
        # Celery's cold shutdown gives back what was not begun (celery/apps/worker.py)
        _kill(process, signal.SIGQUIT)
        await asyncio.sleep(NOW)
        _kill_group(process.pid, signal.SIGKILL)


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


def _kill(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _kill_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def worker_command(fleet_file: str, profile: str, node: str, index: int, loglevel: str) -> list[str]:
    """Give the command of one worker, as this interpreter runs it."""
    return [
        sys.executable, "-m", "allotment", "worker", "--fleet", fleet_file,
        "--profile", profile, "--node", node, "--index", str(index), "--loglevel", loglevel,
    ]  # fmt: skip
