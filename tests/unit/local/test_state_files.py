"""Files of the state folder where the disk is full, and processes that must not be taken for others."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from allotment.errors import FileInvalid, SupervisorRunning
from allotment.local.ledger import Entry, Ledger, end_left_over, mark_of
from allotment.local.nodes import NodeLocks
from allotment.local.state import StateFolder, write_whole
from allotment.local.supervision.strays import end_strays, marked, send
from allotment.local.variables import MARK
from allotment.testing.disks import fill, small_disk

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="psutil learns the start of a process in another way")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def test_what_was_there_stays_where_the_disk_is_full(disk: Path) -> None:
    path = disk / "state.json"
    write_whole(path, "whole")
    fill(disk)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "x" * 100_000)
    assert path.read_text() == "whole"
    assert [one.name for one in disk.iterdir() if one.name.startswith("state")] == ["state.json"]


def test_a_file_is_its_user_s_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "state.json", "x")
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_lock_holds_on_a_full_disk(disk: Path) -> None:
    state = StateFolder(disk / "state")
    state.made()
    fill(disk)
    with NodeLocks(state, disk / "fleet.yaml") as first:
        first.hold(["a"])
        with NodeLocks(state, disk / "fleet.yaml") as second, pytest.raises(SupervisorRunning):
            second.hold(["a"])


def test_locks_are_taken_all_or_none(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with NodeLocks(state, tmp_path / "fleet.yaml") as first, NodeLocks(state, tmp_path / "fleet.yaml") as second:
        first.hold(["b"])
        with pytest.raises(SupervisorRunning) as refused:
            second.hold(["a", "b"])
        assert str(os.getpid()) in refused.value.message
        assert refused.value.exit_code == 3
        first.hold(["a", "b"])


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_not_taken_for_another_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    before = psutil.Process().num_fds()
    with NodeLocks(StateFolder(tmp_path), tmp_path / "fleet.yaml") as locks, pytest.raises(FileInvalid) as refused:
        locks.hold(["a"])
    assert os.strerror(number) in refused.value.message
    assert "ALLOTMENT_STATE" in str(refused.value.hint)
    assert psutil.Process().num_fds() == before


SLEEPER = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]


@contextmanager
def sleeping(mark: str | None) -> Iterator[psutil.Process]:
    """Run a process with a mark, in a session of its own."""
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    if mark is not None:
        environment[MARK] = mark
    with subprocess.Popen(
        SLEEPER, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def is_of(mark: str) -> Callable[[str], bool]:
    return lambda one: one == mark


def test_what_has_the_mark_is_ended_and_nothing_else(tmp_path: Path) -> None:
    mine, other = mark_of(StateFolder(tmp_path), "cpu-1@a"), mark_of(StateFolder(tmp_path), "cpu-1@b")
    with sleeping(mine) as first, sleeping(other) as second, sleeping(None) as third:
        assert [process.pid for process in marked(is_of(mine))] == [first.pid]
        assert end_strays(is_of(mine)) == 1
        assert not runs(first)
        assert runs(second)
        assert runs(third)


def test_whoever_asks_is_not_ended_though_it_has_the_mark() -> None:
    code = (
        "from allotment.local.supervision.strays import end_strays\n"
        "raise SystemExit(end_strays(lambda mark: mark == 'mine'))"
    )
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, MARK: "mine"}, check=False).returncode == 0


def test_a_stranger_with_the_number_of_a_worker_is_not_signalled(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with sleeping(None) as stranger:
        ledger = Ledger(state)
        ledger.note(Entry("cpu-1@a", stranger.pid, stranger.create_time() - 100))
        assert end_left_over(state, ["a"], 5.0) == ()
        assert runs(stranger)


@on_linux
def test_a_stranger_of_another_run_of_the_machine_is_not_signalled(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with sleeping(None) as stranger:
        ticks, _, _ = str(Entry.of("cpu-1@a", stranger.pid).started).partition(" ")
        Ledger(state).note(Entry("cpu-1@a", stranger.pid, f"{ticks} another"))
        assert end_left_over(state, ["a"], 5.0) == ()
        assert runs(stranger)


def test_a_process_is_not_mistaken_for_one_that_had_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    with sleeping(None) as stranger:
        before = psutil.Process(stranger.pid)
        monkeypatch.setattr(before, "is_running", lambda: False)  # as psutil says of a number that is another's now
        send(before, signal.SIGKILL)
        assert runs(stranger)
        send(stranger, signal.SIGKILL)
        stranger.wait(10)


def test_workers_of_a_node_are_ended_whatever_part_ran_them(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with (
        sleeping(mark_of(state, "cpu-1@a")) as worker,
        sleeping(mark_of(state, "cpu-1@a")) as stray,
        sleeping(mark_of(state, "cpu-1@b")) as elsewhere,
    ):
        ledger = Ledger(state)
        ledger.note(Entry.of("cpu-1@a", worker.pid))
        ledger.note(Entry.of("cpu-1@b", elsewhere.pid))
        assert end_left_over(state, ["a"], 10.0) == ("cpu-1@a",)
        assert not runs(worker)
        assert not runs(stray)
        assert runs(elsewhere)


@on_linux
def test_a_worker_is_known_though_the_clock_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateFolder(tmp_path)
    with sleeping(None) as worker:
        Ledger(state).note(Entry.of("cpu-1@a", worker.pid))
        later = psutil.boot_time() + 3600  # which is how psutil sees that the clock was set
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: later)
        assert end_left_over(state, ["a"], 10.0) == ("cpu-1@a",)
        assert not runs(worker)


def test_a_ledger_of_an_older_version_is_read(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with sleeping(None) as worker:
        old = {"name": "cpu-1@a", "pid": worker.pid, "started": worker.create_time()}
        state.file("workers-a.json").write_text(json.dumps([old]))
        assert end_left_over(state, ["a"], 10.0) == ("cpu-1@a",)


def test_a_worker_is_known_where_there_is_no_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allotment.local.ledger.start_of", lambda _: None)
    state = StateFolder(tmp_path)
    with sleeping(None) as worker:
        Ledger(state).note(Entry.of("cpu-1@a", worker.pid))
        assert end_left_over(state, ["a"], 10.0) == ("cpu-1@a",)


def test_a_ledger_that_is_damaged_is_empty(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    for text in ("", "{", "[1]", '[{"name": "x"}]', "\x00"):
        state.file("workers-a.json").write_text(text)
        assert Ledger(state).read(["a"]) == ()
