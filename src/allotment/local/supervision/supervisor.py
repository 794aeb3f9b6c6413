"""The supervisor: keeps workers running, looks after them, follows changes, and ends them in good order."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from allotment.errors import ExitCode
from allotment.local.ledger import Ledger
from allotment.local.supervision.command import Command
from allotment.local.supervision.keeping import Keeping
from allotment.local.supervision.reporter import Reporter
from allotment.local.supervision.terms import Terms

_LOOK = 1.0
"""Seconds between looks at how the workers are."""


class Supervisor:
    """Runs workers until it is stopped. `grace` is how many seconds they get to finish what they run."""

    def __init__(self, commands: Sequence[Command], reporter: Reporter, ledger: Ledger, grace: float) -> None:
        self._lifeline, self._lifeline_end = os.pipe()
        self._terms = Terms(reporter, ledger, grace, self._lifeline, self._note)
        self._keepings = {command.name: Keeping(command, self._terms) for command in commands}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopping = False
        self._being_changed = False
        self._over = asyncio.Event()
        self._all_ready = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping

    @property
    def workers(self) -> Mapping[str, Keeping]:
        """The workers by name."""
        return self._keepings

    def stop(self) -> None:
        """Drain and end; a second time, end at once."""
        if self.stopping:
            self._terms.at_once.set()
        self._stopping = True
        self._over.set()
        for keeping in self._keepings.values():
            keeping.leave()

    async def until_ready(self) -> bool:
        """Wait until every worker consumes, or none will any more; say whether all do."""
        await self._all_ready.wait()
        return all(keeping.ready for keeping in self._keepings.values())

    async def run(self) -> ExitCode:
        """Run the workers until `stop`, or until every one is given up. FINDINGS where one was."""
        try:
            async with asyncio.TaskGroup() as self._group:
                for name in self._keepings:
                    self._begin(name)
                if not self._keepings:
                    self._over.set()
                looking = self._group.create_task(self._look_after())
                await self._over.wait()
                self._stopping = True
                looking.cancel()
                for keeping in self._keepings.values():
                    keeping.leave()
        finally:
            os.close(self._lifeline)
            os.close(self._lifeline_end)
            self._all_ready.set()
        return ExitCode.FINDINGS if any(keeping.given_up for keeping in self._keepings.values()) else ExitCode.OK

    @contextmanager
    def being_changed(self) -> Iterator[None]:
        """Add, remove and replace workers within this: whether all are ready, or given up, is seen at its end."""
        self._being_changed = True
        try:
            yield
        finally:
            self._being_changed = False
            self._note()

    def add(self, command: Command) -> None:
        """Run this worker too."""
        self._keepings[command.name] = Keeping(command, self._terms)
        self._begin(command.name)

    async def remove(self, names: Sequence[str]) -> None:
        """Let workers finish what they run and end, and wait for that."""
        for name in names:
            self._terms.reporter.draining(name)
            self._keepings[name].leave()
        await asyncio.gather(*(self._tasks[name] for name in names))
        for name in names:
            del self._keepings[name], self._tasks[name]

    async def replace(self, command: Command) -> bool:
        """Let the worker of this name finish what it runs, and start it by this command; say whether it consumes."""
        self._terms.reporter.draining(command.name)
        return await self._keepings[command.name].replace(command)

    async def settled(self, name: str) -> bool:
        """Wait until it is known whether a worker comes up; say whether it does."""
        return self.stopping or await self._keepings[name].settled()

    def _begin(self, name: str) -> None:
        if self._group is not None and not self.stopping:
            self._tasks[name] = self._group.create_task(self._keepings[name].keep())

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            for keeping in self._keepings.values():
                keeping.look()

    def _note(self) -> None:
        """See how things stand after a change."""
        if self._being_changed:
            return
        keepings = self._keepings.values()
        if all(keeping.ready or keeping.given_up for keeping in keepings):
            self._all_ready.set()
        if keepings and all(keeping.given_up for keeping in keepings):
            self._over.set()
