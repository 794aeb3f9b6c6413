"""What becomes of a running fleet when its file is changed: nothing until SIGHUP, and then no more than is needed."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from acceptance.conftest import clean_environment
from acceptance.test_supervision import belonging_to, pid_of, until
from celery import Celery

from allotment.local.embedded import EmbeddedBroker
from allotment.local.heartbeat import VARIABLE, last_beat, usual_path
from allotment.local.running import RunningFleet
from allotment.local.state import StateFolder

APP = '''
import os
import time
from pathlib import Path

from celery import Celery

app = Celery("crowd")


@app.task(name="crowd.hold")
def hold(folder, name):
    """Say by files that this began and, once there is a file `go`, that it ended."""
    began = Path(folder, f"{name}.began")
    with began.open("a") as file:
        file.write(f"{os.getppid()}\\n")
    while not Path(folder, "go").exists():
        time.sleep(0.05)
    with Path(folder, f"{name}.ended").open("a") as file:
        file.write("ended\\n")


@app.task(name="crowd.other")
def other():
    """Belong to another profile."""
'''
FLEET = """
app: crowd:app
broker: embedded
results: none
default_queue: work
profiles:
  crowd: {tasks: [crowd.hold], queues: [work], concurrency: 1, prefetch: 1}
  others: {tasks: [crowd.other], queues: [rest], concurrency: 1}
tasks:
  crowd.other: {queue: rest}
nodes:
  here: {workers: {crowd: 3, others: 1}}
"""

SAFE = FLEET.replace("tasks:\n", "tasks:\n  crowd.hold: {delivery: at-least-once}\n")
"""The same with a task that is acknowledged when it is done: whoever runs it takes no other one meanwhile."""


@dataclass(frozen=True)
class Crowd:
    """A running fleet, with the folder it is in and its file as it was."""

    fleet: RunningFleet
    folder: Path
    text: str = FLEET

    def write(self, *changes: tuple[str, str]) -> None:
        """Write the fleet file anew, with these changes."""
        text = self.text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.folder / "fleet.yaml").write_text(text)

    def follow(self) -> dict[str, Any]:
        """Ask to follow the file; give what came of it."""
        before = len(self.events("followed", "not-followed"))
        os.kill(self.fleet.pid, signal.SIGHUP)
        until(lambda: len(self.events("followed", "not-followed")) > before)
        return self.events("followed", "not-followed")[-1]

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Give what `allot up` has said of these kinds."""
        return [event for event in list(self.fleet.events) if event["event"] in kinds]

    def send(self, *names: str, queue: str = "work") -> None:
        """Send tasks that run until there is a file `go`, as a program does that knows nothing of the fleet."""
        for name in names:
            self.send_task("crowd.hold", str(self.folder), name, queue=queue)

    def send_task(self, task: str, *arguments: str, queue: str = "work") -> None:
        """Send a task to a queue."""
        broker = EmbeddedBroker(StateFolder.of(self.folder / "fleet.yaml")).broker_url
        with Celery("client", broker=broker, set_as_current=False) as app:
            app.send_task(task, args=list(arguments), queue=queue, ignore_result=True)

    def began(self, name: str) -> list[int]:
        """Give the workers, by their process numbers, that began a task."""
        path = self.folder / f"{name}.began"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def running(self) -> dict[str, int]:
        """Give how many tasks run in each worker, as it says itself."""
        names = [f"crowd-{index}@here" for index in range(1, 5)]
        beats = {name: last_beat(usual_path(name, self.folder / "fleet.yaml")) for name in names}
        return {name: beat.running for name, beat in beats.items() if beat is not None}


@contextmanager
def crowd(folder: Path, *options: str, text: str = FLEET, app: str = APP) -> Iterator[Crowd]:
    (folder / "crowd.py").write_text(app)
    (folder / "fleet.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"{folder / 'beats'}/")
        with RunningFleet(folder / "fleet.yaml", *options, environment=clean_environment()) as fleet:
            yield Crowd(fleet, folder, text)
    until(lambda: not belonging_to(folder))


Change = tuple[str, str]
FEWER: Change = ("crowd: 3", "crowd: 1")
MORE: Change = ("crowd: 3", "crowd: 4")
WIDER: Change = ("[crowd.hold], queues: [work], concurrency: 1", "[crowd.hold], queues: [work], concurrency: 2")
BROKEN: Change = ("crowd: 3", "crwd: 3")


def test_a_change_is_told_once_and_changes_nothing(tmp_path: Path) -> None:
    with crowd(tmp_path) as found:
        found.write(BROKEN)
        until(lambda: len(found.events("file-changed")) == 1)
        [problem] = found.events("file-changed")[0]["problems"]
        assert "crwd" in problem["message"]
        assert problem["line"] == FLEET[: FLEET.index("crowd: 3")].count("\n") + 1
        psutil.Process(pid_of(found.fleet, "crowd-1@here")).kill()
        until(lambda: Counter(event["worker"] for event in found.events("ready"))["crowd-1@here"] == 2)
        assert found.follow()["event"] == "not-followed"
        found.write(WIDER)
        until(lambda: len(found.events("file-changed")) == 2)
        assert found.events("file-changed")[1]["problems"] == []
        psutil.Process(pid_of(found.fleet, "crowd-1@here")).kill()
        until(lambda: Counter(event["worker"] for event in found.events("ready"))["crowd-1@here"] == 3)
        assert len(psutil.Process(pid_of(found.fleet, "crowd-1@here")).children()) == 1, "by the old plan"
        found.write()
        until(lambda: found.events("file-as-before") != [])
        assert len(found.events("file-changed")) == 2
        assert not found.events("given-up")
        found.write(("results: none", "results: embedded"))
        refused = found.follow()
        assert refused["event"] == "not-followed"
        assert "`results`" in refused["problems"][0]["message"]


def test_fewer_workers_end_the_idle_first_and_nothing_runs_twice(tmp_path: Path) -> None:
    with crowd(tmp_path, text=SAFE) as found:
        found.send("one", "two")
        until(lambda: len(found.began("one")) == len(found.began("two")) == 1)
        busy = {*found.began("one"), *found.began("two")}
        assert len(busy) == 2
        until(lambda: sum(found.running().values()) == 2)
        pids = {name: pid_of(found.fleet, name) for name in ("crowd-1@here", "crowd-2@here", "crowd-3@here")}
        [idle] = [name for name, pid in pids.items() if pid not in busy]
        found.write(("crowd: 3", "crowd: 2"))
        assert found.follow()["event"] == "followed"
        assert found.events("following")[-1]["ending"] == [idle]
        assert found.events("following")[-1]["changing"] == []
        found.write(FEWER)
        os.kill(found.fleet.pid, signal.SIGHUP)
        until(lambda: found.events("draining")[-1]["worker"] != idle)
        (tmp_path / "go").touch()
        until(lambda: len(found.events("followed")) == 2)
        assert (tmp_path / "one.ended").read_text() == (tmp_path / "two.ended").read_text() == "ended\n"
        assert len(found.began("one")) == len(found.began("two")) == 1
        found.write(("crowd: 3", "crowd: 3"))
        found.follow()
        assert len(found.events("following")[-1]["starting"]) == 2
        found.send("three")
        until((tmp_path / "three.ended").exists)


def test_workers_of_a_changed_profile_are_started_anew_one_after_another(tmp_path: Path) -> None:
    with crowd(tmp_path) as found:
        found.write(WIDER, MORE)
        assert found.follow()["event"] == "followed"
        [plan] = found.events("following")
        assert plan["starting"] == ["crowd-4@here"]
        assert plan["changing"] == ["crowd-1@here", "crowd-2@here", "crowd-3@here"]
        order = [(event["event"], event["worker"]) for event in found.events("draining", "ready")][4:]
        order.remove(("ready", "crowd-4@here"))
        assert order == [(what, name) for name in plan["changing"] for what in ("draining", "ready")]
        for name in (*plan["changing"], "crowd-4@here"):
            assert len(psutil.Process(pid_of(found.fleet, name)).children()) == 2
        kept = [path.name for path in (tmp_path / ".allotment" / "fleet.yaml").glob("plan-*")]
        assert len(kept) == 1

        # one that does not come up by the new file leaves the others alone, until it is mended
        found.write(WIDER, MORE, ("crowd: {tasks", "crowd: {requires: {mounts: [/none/such]}, tasks"))
        assert found.follow()["stuck"] == "crowd-1@here"
        found.send("one")
        (tmp_path / "go").touch()
        until((tmp_path / "one.ended").exists)
        found.write(WIDER, MORE)
        assert found.follow()["stuck"] is None
        assert found.events("following")[-1]["changing"] == ["crowd-1@here"]


ELSEWHERE: tuple[Change, Change] = (("default_queue: work", "default_queue: new"), ("[work]", "[new]"))


def test_messages_are_not_left_where_nobody_takes_them(tmp_path: Path) -> None:
    with crowd(tmp_path, "--scale", "crowd=1") as found:
        found.send("one", "two", "three")
        until(lambda: len(found.began("one")) == 1)
        found.write(*ELSEWHERE)
        refused = found.follow()
        assert refused["event"] == "not-followed"
        assert "work, where" in refused["problems"][0]["message"]
        assert not found.events("draining")
        (tmp_path / "go").touch()
        until((tmp_path / "three.ended").exists)

        # what the worker has taken ahead waits again when it has ended, so it is started as it was
        (tmp_path / "go").unlink()
        found.send("four", "five")
        until(lambda: len(found.began("four")) == 1)
        os.kill(found.fleet.pid, signal.SIGHUP)
        until(lambda: found.events("draining") != [])
        (tmp_path / "go").touch()
        until(lambda: len(found.events("not-followed")) == 2)
        assert "work, where 1 message waits" in found.events("not-followed")[1]["problems"][0]["message"]
        until((tmp_path / "five.ended").exists)
        assert [len(found.began(name)) for name in ("four", "five")] == [1, 1]

        assert found.follow()["event"] == "followed"
        found.send("six", queue="new")
        until((tmp_path / "six.ended").exists)
        found.write()
        assert found.follow()["event"] == "followed", "and back again, as nothing waits"
