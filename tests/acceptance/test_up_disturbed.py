"""`allot up` where its file changes as it starts, where its app hangs, and where the machine gives it nothing more."""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
from acceptance.test_following import APP, MORE, Crowd, crowd
from acceptance.test_supervision import gone, pid_of, until

FIRST = "crowd-1@here"

EDITING = f"""
from pathlib import Path

fleet = Path(__file__).with_name("fleet.yaml")
if {MORE[0]!r} in fleet.read_text():
    fleet.write_text(fleet.read_text().replace({MORE[0]!r}, {MORE[1]!r}))
{APP}
"""
"""An app whose import edits the fleet file, as somebody may while `allot up` looks for the tasks."""

HANGING = f"""
import os
import time
from pathlib import Path

if Path(__file__).with_name("hang").exists():
    Path(__file__).with_name("hanging.new").write_text(str(os.getpid()))
    Path(__file__).with_name("hanging.new").rename(Path(__file__).with_name("hanging"))
    time.sleep(150)
{APP}
"""
"""An app whose import hangs while there is a file `hang`."""


def test_an_edit_that_is_made_while_it_starts_is_told(tmp_path: Path) -> None:
    with crowd(tmp_path, app=EDITING) as found:
        until(lambda: found.events("file-changed") != [])
        assert len(found.events("fleet")[0]["workers"]) == 4, "it runs what it read"
        assert MORE[1] in (tmp_path / "fleet.yaml").read_text()
        assert found.follow()["event"] == "followed"
        assert found.events("following")[0]["starting"] == ["crowd-4@here"]


@pytest.mark.parametrize("asked", [False, True], ids=["an edit", "a signal"])
def test_an_app_whose_import_hangs_does_not_keep_it_from_ending(tmp_path: Path, asked: bool) -> None:
    with crowd(tmp_path, "--scale", "crowd=1", app=HANGING) as found:
        (tmp_path / "hang").touch()
        if asked:
            os.kill(found.fleet.pid, signal.SIGHUP)
        else:
            found.write(MORE)
        until((tmp_path / "hanging").exists)
        hanging = psutil.Process(int((tmp_path / "hanging").read_text()))
        assert found.fleet.stop() == 0
        assert gone([hanging])


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of another process are set on Linux alone")
def test_a_process_that_may_open_nothing_more_starts_its_worker_later(tmp_path: Path) -> None:
    with crowd(tmp_path, "--scale", "crowd=1") as found:
        up = psutil.Process(found.fleet.pid)
        soft, hard = up.rlimit(psutil.RLIMIT_NOFILE)
        worker = psutil.Process(pid_of(found.fleet, FIRST))
        up.rlimit(psutil.RLIMIT_NOFILE, (3, hard))
        worker.kill()
        until(lambda: _ends_without_a_start(found) > 0)
        up.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
        until(lambda: Counter(event["worker"] for event in found.events("ready"))[FIRST] == 2)
        assert any("Too many open files" in event["text"] for event in found.events("warning"))
        assert found.fleet.stop() == 0


def _ends_without_a_start(found: Crowd) -> int:
    return sum("it cannot be started" in line for event in found.events("again") for line in event["last_lines"])
