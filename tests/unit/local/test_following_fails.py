"""Errors that nobody has thought of, and a machine on which nothing can be asked: a fleet outlives both."""

import asyncio
import errno
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from supervised import Told, in_a_loop, until

from allotment.errors import AllotmentError, FollowingRefused
from allotment.local.answer import Unanswered, Unusable
from allotment.local.ledger import Ledger
from allotment.local.nodes import NodeLocks
from allotment.local.part import Part
from allotment.local.supervision import following
from allotment.local.supervision.following import Following
from allotment.local.supervision.reading import Reading
from allotment.local.supervision.supervisor import Supervisor
from allotment.local.supervision.waiting import waiting_in

FLEET = """
app: jobs:app
broker: redis://127.0.0.1:1/0
results: none
profiles: {all: {tasks: ["jobs.*"], queues: [work]}}
"""
APP = """
from celery import Celery

app = Celery("jobs")


@app.task(name="jobs.go")
def go():
    pass
"""


class ToldOfFollowing(Told):
    """Keeps what it is told of a file too."""

    def file_changed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        self.events.append(("file-changed",))

    def file_as_before(self, file: Path) -> None:
        self.events.append(("file-as-before",))

    def following(self, ending: Sequence[str], starting: Sequence[str], changing: Sequence[str]) -> None:
        self.events.append(("following",))

    def followed(self, file: Path, stuck: str | None) -> None:
        self.events.append(("followed",))

    def not_followed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        self.events.append(("not-followed", *(problem.message for problem in problems)))


class Failing(Reading):
    """Reads a file well the first time."""

    def part(self) -> Part:
        """Give the part once."""
        if hasattr(self, "read"):
            raise ValueError("nobody has thought of that")
        self.read = super().part()
        return self.read


@in_a_loop
async def test_an_error_that_nobody_has_thought_of_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOK", 0.01)
    (tmp_path / "jobs.py").write_text(APP)
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    told = ToldOfFollowing()
    reading = Failing(path, None, {})
    part = reading.part()
    with NodeLocks(part.state, path) as locks:
        follows = Following(part, path, reading=reading, locks=locks, reporter=told, loglevel="INFO")
        supervisor = Supervisor((), told, Ledger(part.state), 1.0)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in (follows.watch(), follows.follow_when_asked(supervisor))]
            path.write_text(FLEET + "\n")
            await until(lambda: told.count("warning") == 1)
            follows.ask()
            await until(lambda: told.count("warning") == 2)
            for task in tasks:
                assert not task.done()
                task.cancel()
    assert [event[0] for event in told.events] == ["warning"] * 2
    assert all("nobody has thought of that" in event[1] for event in told.events)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files"),
        (Unanswered("took longer than 120 s, and was ended: it said nothing"), "asking took longer than 120 s"),
        (Unusable("the broker does not answer", ""), "the broker does not answer"),
    ],
    ids=lambda value: type(value).__name__,
)
@in_a_loop
async def test_what_waits_in_lanes_cannot_be_asked(tmp_path: Path, error: Exception, said: str) -> None:
    def ask(*_: str) -> Any:
        raise error

    with pytest.raises(FollowingRefused, match=r"work:cpu any more.*is not known") as refused:
        await waiting_in(["work:cpu"], tmp_path / "plan.json", ask)
    assert said in refused.value.message
