"""A full disk under the state folder: nothing that runs ends, nothing that was kept is damaged, and it is told."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from acceptance.conftest import allot, clean_environment
from acceptance.test_following import APP, FLEET, Crowd
from acceptance.test_supervision import ENDED, belonging_to, pid_of, until

from allotment.local.heartbeat import VARIABLE
from allotment.local.running import RunningFleet
from allotment.local.state import StateFolder
from allotment.testing.disks import fill, small_disk

FIRST, SECOND = "crowd-1@here", "crowd-2@here"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a small disk with a fleet on it."""
    with small_disk(tmp_path / "disk", "8m") as folder:
        (folder / "crowd.py").write_text(APP)
        (folder / "fleet.yaml").write_text(FLEET.replace("crowd: 3", "crowd: 2"))
        yield folder
        until(lambda: not belonging_to(folder))


def environment(disk: Path) -> dict[str, str]:
    """Give one in which no heartbeat file can be written, and Python writes nothing either."""
    return {**clean_environment(), "PYTHONDONTWRITEBYTECODE": "1", VARIABLE: f"{disk / 'crowd.py' / 'below'}/"}


def test_a_running_fleet_outlives_a_full_disk(disk: Path) -> None:
    with RunningFleet(disk / "fleet.yaml", environment=environment(disk)) as fleet:
        found = Crowd(fleet, disk)
        untouched = pid_of(fleet, SECOND)
        ledger = (disk / ".allotment" / "fleet.yaml" / "workers-here.json").read_text()
        filling = fill(disk)
        for count in (2, 3):
            psutil.Process(pid_of(fleet, FIRST)).kill()
            until(lambda count=count: sum(event["worker"] == FIRST for event in found.events("ready")) == count)
        assert (disk / ".allotment" / "fleet.yaml" / "workers-here.json").read_text() == ledger
        [warning] = found.events("warning")
        assert "No space left" in warning["text"]
        until(lambda: not _sent(found, "x" * 10_000))
        filling.unlink()
        (disk / "go").touch()
        until(lambda: _sent(found, "after"))
        until((disk / "after.ended").exists)
        assert not found.events("restarting")
        assert pid_of(fleet, SECOND) == untouched
        assert psutil.Process(untouched).is_running()


def _sent(found: Crowd, name: str) -> bool:
    """Send a task; say whether the broker took it, which looks once a second whether its disk has room again."""
    try:
        found.send(name)
    except Exception as error:
        if "MISCONF" not in str(error):
            raise
        return False
    return True


def test_a_log_on_a_full_disk_ends_nothing(disk: Path) -> None:
    log = disk / "up.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "allotment", "up"], cwd=disk, env=environment(disk), stdout=output
        ) as up,
    ):
        try:
            until(lambda: b"the fleet is ready" in log.read_bytes())
            fill(disk)
            first = _worker(up.pid, "1")
            first.kill()
            until(lambda: _worker(up.pid, "1") != first)
        finally:
            up.send_signal(signal.SIGTERM)
        assert up.wait(ENDED) == 0


def _worker(supervisor: int, index: str) -> psutil.Process:
    """Give the process of one worker of the profile crowd, while it runs."""
    found: list[psutil.Process] = []

    def look() -> bool:
        for process in psutil.Process(supervisor).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # one that has just ended
                words = process.cmdline()
                if "crowd" in words and words[words.index("--index") + 1] == index:
                    found.append(process)
        return bool(found)

    until(look)
    return found[0]


def test_a_fleet_is_not_started_on_a_full_disk(disk: Path) -> None:
    fill(disk)
    done = allot("up", folder=disk, environment=environment(disk))
    assert done.code == 2
    assert "No space left" in done.err
    assert "Traceback" not in done.err
    assert done.out == "", "no worker was started"
    assert not belonging_to(disk)


def test_an_embedded_broker_that_finds_no_room_says_so(disk: Path) -> None:
    StateFolder.of(disk / "fleet.yaml").made()
    fill(disk)
    done = allot("run", "crowd.other()", "--timeout", "1s", folder=disk, environment=environment(disk))
    assert done.code == 2
    assert "the embedded broker did not start" in done.err
    assert "Traceback" not in done.err
