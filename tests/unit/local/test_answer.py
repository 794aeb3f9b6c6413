"""Asking a module in a process of its own: that it answers, that it does not, and that nobody waits any more."""

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from allotment.local.answer import Asking, Unanswered, ask

HANGING = """
import sys, time
from pathlib import Path

print("it is in the way", file=sys.stderr, flush=True)
Path(sys.argv[2], "began").write_text("")
time.sleep(600)
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder from which modules can be asked."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "hanging.py").write_text(HANGING)
    return tmp_path


def children() -> list[psutil.Process]:
    return psutil.Process(os.getpid()).children()


def test_an_answer_is_given(modules: Path) -> None:
    (modules / "answering.py").write_text("import sys; open(sys.argv[1], 'w').write('{\"found\": [1, 2]}')")
    assert ask("answering") == [1, 2]


def test_one_that_hangs_is_ended_and_told_with_what_it_said(modules: Path) -> None:
    before = children()
    with pytest.raises(Unanswered, match=r"took longer than 1 s, and was ended: it is in the way"):
        Asking(longest=1).ask("hanging", str(modules))
    assert children() == before


def test_whoever_ends_it_need_not_wait_for_one_that_hangs(modules: Path) -> None:
    asking = Asking()
    told: list[str] = []

    def wait() -> None:
        with pytest.raises(Unanswered) as error:
            asking.ask("hanging", str(modules))
        told.append(str(error.value))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not (modules / "began").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    asking.end()
    thread.join(60)
    assert told == ["ended the process with -9: it is in the way"]
    with pytest.raises(Unanswered, match="before it began"):
        asking.ask("hanging", str(modules))
