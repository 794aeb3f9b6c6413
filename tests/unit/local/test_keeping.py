"""One worker that is kept running, with small processes in place of Celery's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from supervised import READY, UNUSABLE, Told, command, in_a_loop, terms, until

from allotment.errors import ExitCode
from allotment.local.supervision import restarts
from allotment.local.supervision.command import Command
from allotment.local.supervision.keeping import Keeping
from allotment.local.variables import REPORT

NAME = "cpu-1@here"
FAILING = f"""
import os, sys
from pathlib import Path

runs, code, most = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with runs.open("a") as file:
    file.write("x")
if len(runs.read_text()) <= most:
    sys.exit(code)
{READY}
"""
"""The code of a worker that ends so often with a code before it consumes."""
LATE = f"""
import os, signal

def stop(*_):
    os.write(int(os.environ["{REPORT}"]), b"ready\\n")

signal.signal(signal.SIGTERM, stop)
print("it starts", flush=True)
while True:
    signal.pause()
"""
"""The code of one that says that it consumes when it has been told to stop, and ends after the grace."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hardly at all before a worker is started again."""
    monkeypatch.setattr(restarts, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(restarts, "LONGEST_DELAY", 0.01)


@asynccontextmanager
async def kept(folder: Path, told: Told, first: Command, grace: float = 20.0) -> AsyncIterator[Keeping]:
    """Keep a worker running within this."""
    with terms(folder, told, grace) as found:
        keeping = Keeping(first, found)
        task = asyncio.create_task(keeping.keep())
        yield keeping
        keeping.leave()
        await task


def failing(folder: Path, code: int, most: int) -> Command:
    return command(NAME, FAILING, str(folder / "runs"), str(code), str(most))


@in_a_loop
async def test_one_that_was_ready_follows_through_an_outage(tmp_path: Path) -> None:
    told = Told()
    most = 2 * restarts.MOST_FAILURES
    async with kept(tmp_path, told, command(NAME, READY)) as keeping:
        assert await keeping.settled()
        assert await keeping.replace(failing(tmp_path, ExitCode.UNAVAILABLE, most))
    assert told.count("ended", NAME, "75") == most
    assert not told.count("given-up")


@in_a_loop
async def test_one_that_was_never_ready_waits_for_its_broker_too(tmp_path: Path) -> None:
    told = Told()
    most = 2 * restarts.MOST_FAILURES
    async with kept(tmp_path, told, failing(tmp_path, ExitCode.UNAVAILABLE, most)) as keeping:
        assert await keeping.settled()
    assert not told.count("given-up")


@pytest.mark.parametrize("code", [ExitCode.FINDINGS, ExitCode.BAD_INPUT])
@in_a_loop
async def test_one_that_was_ready_and_is_stuck_is_tried_until_it_comes_up(tmp_path: Path, code: int) -> None:
    told = Told()
    most = 2 * restarts.MOST_FAILURES
    async with kept(tmp_path, told, command(NAME, READY)) as keeping:
        assert await keeping.settled()
        assert not await keeping.replace(failing(tmp_path, code, most))
        assert keeping.stuck
        await until(lambda: keeping.ready)
        assert not keeping.stuck
    assert told.count("ended", NAME, str(code)) == most
    assert not told.count("given-up")


@in_a_loop
async def test_one_that_is_given_up_is_tried_again_by_another_command(tmp_path: Path) -> None:
    told = Told()
    async with kept(tmp_path, told, command(NAME, UNUSABLE)) as keeping:
        assert not await keeping.settled()
        assert keeping.given_up
        assert keeping.stuck
        assert await keeping.replace(command(NAME, READY))
        assert not keeping.given_up
        assert not keeping.stuck
    assert told.count("started", NAME) == 2


@in_a_loop
async def test_what_the_process_before_says_is_not_taken_for_the_new_one_s(tmp_path: Path) -> None:
    told = Told()
    async with kept(tmp_path, told, command(NAME, LATE), grace=0.2) as keeping:
        await until(lambda: told.count("line", NAME, "it starts") == 1)
        assert not await keeping.replace(command(NAME, UNUSABLE))
        assert told.count("ready", NAME) == 1, "the process before said so"
        assert keeping.stuck
