"""What becomes of a fleet as a whole while its workers are changed, with small processes in place of Celery's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from supervised import READY, SILENT, UNUSABLE, Told, command, in_a_loop, until

from allotment.errors import ExitCode
from allotment.local.ledger import Ledger
from allotment.local.state import StateFolder
from allotment.local.supervision.supervisor import Supervisor


@asynccontextmanager
async def running(folder: Path, told: Told, **codes: str) -> AsyncIterator[tuple[Supervisor, "asyncio.Task[ExitCode]"]]:
    """Run workers of these names, each with its code; give also what the run comes to."""
    commands = [command(name, code) for name, code in codes.items()]
    supervisor = Supervisor(commands, told, Ledger(StateFolder(folder)), grace=20.0)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, task
    finally:
        supervisor.stop()
        await task


@in_a_loop
async def test_a_fleet_is_ready_when_the_only_worker_that_was_not_is_taken_out(tmp_path: Path) -> None:
    told = Told()
    async with running(tmp_path, told, sound=READY, late=SILENT) as (supervisor, _):
        ready = asyncio.create_task(supervisor.until_ready())
        await until(lambda: told.count("ready", "sound") == 1)
        assert not ready.done()
        with supervisor.being_changed():
            await supervisor.remove(["late"])
        assert await asyncio.wait_for(ready, 60)


@in_a_loop
async def test_a_fleet_ends_when_those_that_are_left_have_been_given_up(tmp_path: Path) -> None:
    told = Told()
    async with running(tmp_path, told, sound=READY, unusable=UNUSABLE) as (supervisor, task):
        await until(lambda: told.count("given-up", "unusable") == told.count("ready", "sound") == 1)
        with supervisor.being_changed():
            await supervisor.remove(["sound"])
        assert await asyncio.wait_for(task, 60) == ExitCode.FINDINGS


@in_a_loop
async def test_a_fleet_does_not_end_between_two_steps_of_a_change(tmp_path: Path) -> None:
    told = Told()
    async with running(tmp_path, told, sound=READY, other=READY) as (supervisor, task):
        assert await supervisor.until_ready()
        with supervisor.being_changed():
            await supervisor.remove(["sound", "other"])
            supervisor.add(command("unusable", UNUSABLE))
            assert not await supervisor.settled("unusable")
            supervisor.add(command("new", READY))
            assert await supervisor.settled("new")
        assert not task.done()
        assert not supervisor.stopping


@in_a_loop
async def test_a_worker_that_is_added_while_the_fleet_ends_is_not_started(tmp_path: Path) -> None:
    told = Told()
    async with running(tmp_path, told, unusable=UNUSABLE) as (supervisor, task):
        await until(lambda: supervisor.stopping)
        supervisor.add(command("new", READY))
        assert await asyncio.wait_for(task, 60) == ExitCode.FINDINGS
        assert not told.count("started", "new")
