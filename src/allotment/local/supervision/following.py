"""A running fleet and its file: telling when the file is another one, and following it when asked to."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from allotment.errors import AllotmentError, FollowingRefused
from allotment.local.nodes import NodeLocks
from allotment.local.part import Part
from allotment.local.snapshot import forget_others
from allotment.local.supervision.command import Command
from allotment.local.supervision.reading import Reading
from allotment.local.supervision.supervisor import Supervisor
from allotment.local.supervision.waiting import shown, waiting_in
from allotment.plan.difference import abandoned_lanes, places, works_differently
from allotment.plan.placement import Worker

LOOK = 1.0
"""Seconds between looks at the fleet file."""


class FollowReporter(Protocol):
    """Who is told what becomes of changes of the fleet file."""

    def file_changed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        """The file is another than the one that runs since then; with problems, it cannot be run."""

    def file_as_before(self, file: Path) -> None:
        """The file is again the one that runs."""

    def following(self, ending: Sequence[str], starting: Sequence[str], changing: Sequence[str]) -> None:
        """Workers are about to end, to start, and to be started anew by another plan."""

    def followed(self, file: Path, stuck: str | None) -> None:
        """The file is followed; by a part of the workers only, where `stuck` does not come up by it."""

    def not_followed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        """The file cannot be followed, and everything stays as it was."""

    def warning(self, text: str) -> None:
        """Something is not as it should be."""


@dataclass(frozen=True)
class _Followed:
    """What a worker follows: its place, the part it belongs to, and the file in which that is kept."""

    worker: Worker
    part: Part
    kept: Path


@dataclass(frozen=True)
class _Difference:
    """What has to be done to follow a new part; `first` are those to stop before all, as their lanes end."""

    ending: tuple[str, ...]
    starting: tuple[Worker, ...]
    changing: tuple[str, ...]
    lanes: tuple[str, ...]
    first: tuple[str, ...]


class Following:
    """What runs and which file it follows.

    `part` is what runs first, as `reading` gave it, and `kept` the file in which that is; `loglevel` is the workers'.
    """

    def __init__(
        self,
        part: Part,
        kept: Path,
        *,
        reading: Reading,
        locks: NodeLocks,
        reporter: FollowReporter,
        loglevel: str,
    ) -> None:
        self._part = part
        self._kept = kept
        self._holder = part.nodes[0]
        self._reading = reading
        self._locks = locks
        self._reporter = reporter
        self._loglevel = loglevel
        self._since = datetime.now().astimezone()
        self._told: object = None
        self._asked = asyncio.Event()
        self._followed = {worker.name: _Followed(worker, part, kept) for worker in part.workers}

    @property
    def commands(self) -> tuple[Command, ...]:
        """The command of each worker, by what it follows now."""
        return tuple(one.part.command(one.worker, one.kept, self._loglevel) for one in self._followed.values())

    def ask(self) -> None:
        """Follow the file as soon as that can be."""
        self._asked.set()

    def end(self) -> None:
        """Read nothing more, and wait for nobody who was asked: the fleet ends."""
        self._reading.end()

    async def watch(self) -> None:
        """Tell of each change of the file, once."""
        while True:
            await asyncio.sleep(LOOK)
            with self._outlived("looking for changes of the file"):
                if self._reading.changed():
                    await self._tell()

    async def _tell(self) -> None:
        problems: tuple[AllotmentError, ...] = ()
        try:
            part = await self._read_anew()
        except AllotmentError as error:
            problems = error.parts()
            found: object = tuple(str(problem) for problem in problems)
        else:
            found = part.file.document.texts
            if found == self._part.file.document.texts:
                if self._told is not None:
                    self._told = None
                    self._reporter.file_as_before(part.file.path)
                return
        if found != self._told:
            self._told = found
            self._reporter.file_changed(self._part.file.path, self._since, problems)

    async def _read_anew(self) -> Part:
        try:
            return await asyncio.to_thread(self._reading.part)
        except OSError as error:  # a full disk: the app's tasks are found by way of a file
            raise FollowingRefused(f"it cannot be proved just now: {error}", hint="try again") from error

    async def follow_when_asked(self, supervisor: Supervisor) -> None:
        """Follow the file each time that it is asked for."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            with self._outlived("following the file"):
                try:
                    await self._follow(supervisor)
                except AllotmentError as error:
                    self._reporter.not_followed(self._part.file.path, self._since, error.parts())

    @contextmanager
    def _outlived(self, what: str) -> Iterator[None]:
        """Turn an error that nobody has thought of into a warning: it is no reason to end the workers."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - see above
            self._reporter.warning(f"{what} failed, and the workers run on: {error!r}")

    async def _follow(self, supervisor: Supervisor) -> None:
        new = await self._read_anew()
        self._told = new.file.document.texts  # whoever asks knows of it, and is told what comes of it
        self._refuse_elsewhere(new)
        difference = self._difference(new, supervisor)
        await self._refuse_waiting(difference.lanes)
        self._locks.hold(new.nodes)
        kept = new.keep(self._holder)
        self._reporter.following(
            difference.ending, [worker.name for worker in difference.starting], difference.changing
        )
        with supervisor.being_changed():
            stuck = await self._carry_out(difference, new, kept, supervisor)
        self._part, self._kept, self._since, self._told = new, kept, datetime.now().astimezone(), None
        if supervisor.stopping:
            return
        if stuck is None:
            forget_others(kept)
        self._reporter.followed(new.file.path, stuck)
        await self._warn_of_waiting(difference.lanes)

    async def _carry_out(self, difference: _Difference, new: Part, kept: Path, supervisor: Supervisor) -> str | None:
        """End, start and start anew; give the first worker that does not come up by the new part."""
        await supervisor.remove(difference.first)
        await self._take_back(difference, supervisor)
        await supervisor.remove([name for name in difference.ending if name not in difference.first])
        for name in difference.ending:
            del self._followed[name]
        again = [self._followed[name].worker for name in difference.first if name in difference.changing]
        for worker in (*again, *difference.starting):
            supervisor.add(self._note(new, worker, kept))
        changing = [name for name in difference.changing if name not in difference.first]
        stuck = await self._restart(new, kept, changing, supervisor)
        for worker in (*again, *difference.starting):
            stuck = stuck if await supervisor.settled(worker.name) else stuck or worker.name
        return stuck

    def _refuse_elsewhere(self, new: Part) -> None:
        """Raise FollowingRefused where messages or results would go elsewhere than before."""
        old = self._part.file.model
        for key, before, after in (
            ("broker", old.broker, new.file.model.broker),
            ("results", old.results, new.file.model.results),
        ):
            if before != after:
                raise FollowingRefused(
                    f"`{key}` is another one, and what waits in the old one would stay there",
                    hint="let the queues run empty, end `allot up` and start it anew",
                )

    def _difference(self, new: Part, supervisor: Supervisor) -> _Difference:
        running = [followed.worker for followed in self._followed.values()]
        lost = [one for one in running if one.profile not in new.file.model.profiles or one.node not in new.nodes]
        staying = [one for one in running if one not in lost]
        surplus, starting = places(staying, new.workers, lambda name: supervisor.workers[name].tasks)
        ending = [worker.name for worker in (*lost, *surplus)]
        changing = [one.name for one in staying if one not in surplus and self._differs(one, new, supervisor)]
        lanes = abandoned_lanes((lane for one in running for lane in one.consumes), new.plan)
        first = [one.name for one in running if not set(lanes).isdisjoint(one.consumes)]
        return _Difference(tuple(ending), starting, tuple(changing), lanes, tuple(first))

    def _differs(self, worker: Worker, new: Part, supervisor: Supervisor) -> bool:
        old = self._followed[worker.name].part
        return works_differently(worker, old.plan, new.plan) or supervisor.workers[worker.name].stuck

    def _note(self, part: Part, worker: Worker, kept: Path) -> Command:
        """Note that a worker follows a part; give its command."""
        served = part.plan.served(worker.profile, part.file.model.nodes[worker.node].zone)
        worker = replace(worker, consumes=served)
        self._followed[worker.name] = _Followed(worker, part, kept)
        return part.command(worker, kept, self._loglevel)

    async def _restart(self, new: Part, kept: Path, names: Sequence[str], supervisor: Supervisor) -> str | None:
        """Start workers anew, one after another; give the first that does not come up, after which none is touched."""
        for name in names:
            if supervisor.stopping:
                return None
            if not await supervisor.replace(self._note(new, self._followed[name].worker, kept)):
                return name
        return None

    async def _refuse_waiting(self, lanes: Sequence[str]) -> None:
        """Raise FollowingRefused where messages wait in lanes from which nobody is to take any more."""
        waiting = await waiting_in(lanes, self._kept, self._reading.ask)
        if waiting:
            raise FollowingRefused(
                f"nobody would take any more from {shown(waiting)}",
                hint="keep the profiles of their workers until they are empty; or end `allot up`, and start it anew",
            )

    async def _take_back(self, difference: _Difference, supervisor: Supervisor) -> None:
        """See again, now that those who took from lanes that end have given back what they held.

        Where something waits, they are started as they were, and FollowingRefused is raised.
        """
        if not difference.lanes or supervisor.stopping:
            return
        try:
            await self._refuse_waiting(difference.lanes)
        except FollowingRefused:
            for name in difference.first:
                before = self._followed[name]
                supervisor.add(before.part.command(before.worker, before.kept, self._loglevel))
            raise

    async def _warn_of_waiting(self, lanes: Sequence[str]) -> None:
        """Tell of what was sent, by workers and programs of the old plan, to lanes that nobody takes from any more."""
        try:
            waiting = await waiting_in(lanes, self._kept, self._reading.ask)
        except FollowingRefused as error:
            self._reporter.warning(error.message)
            return
        if waiting:
            self._reporter.warning(f"nobody takes from {shown(waiting)} any more: whoever sends there has the old file")
