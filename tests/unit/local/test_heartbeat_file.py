"""What the health check says of each file that may be there, and what it costs to ask."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from allotment.cli.main import main
from allotment.engine.heartbeat import HeartbeatFile
from allotment.local.heartbeat import (
    LIMIT,
    VARIABLE,
    Beat,
    check,
    own_folder,
    pid_namespace,
    run_check,
    start_of,
    usual_path,
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are known by /proc")


def beat() -> Beat:
    """Make the beat of a healthy worker, whose process is this one."""
    now = time.monotonic()
    return Beat("cpu-1@here", os.getpid(), start_of(os.getpid()), pid_namespace(), now, now, now)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "beat.json"
    path.write_text(beat().to_json())
    return path


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("ALLOTMENT_FLEET", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_a_fresh_beat_is_healthy(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    health = check(path)
    assert (health.healthy, health.pid, health.worker) == (True, os.getpid(), "cpu-1@here")
    assert health.age is not None
    assert 0 <= health.age < LIMIT
    assert run_check(path) == 0
    assert capsys.readouterr().out.startswith(f"healthy: cpu-1@here: process {os.getpid()}, last beat ")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"loop": -LIMIT - 1}, "main loop has stood still for 13 s"),
        ({"broker": -LIMIT - 1}, "broker has not answered for 13 s"),
        ({"broker": -LIMIT - 1, "loop": -LIMIT - 2}, "broker has not answered for 13 s"),
        ({"broker": -LIMIT + 1, "loop": -LIMIT - 1}, "broker has not answered for 11 s"),
        ({"broker": -LIMIT - 1, "loop": -LIMIT - 2, "written": -LIMIT}, "no beat for 12 s"),
        ({"written": 100.0}, "before the machine was started again"),
    ],
)
def test_a_part_that_is_too_old_is_named(path: Path, changed: dict[str, float], said: str) -> None:
    now = time.monotonic()
    path.write_text(replace(beat(), **{key: now + seconds for key, seconds in changed.items()}).to_json())
    health = check(path)
    assert not health.healthy
    assert said in health.detail


@pytest.mark.parametrize(("part", "said"), [("loop", "does not consume yet"), ("broker", "has not answered yet")])
def test_a_worker_that_has_just_begun_is_not_healthy_yet(path: Path, part: str, said: str) -> None:
    path.write_text(replace(beat(), **{part: None}).to_json())
    health = check(path)
    assert not health.healthy
    assert said in health.detail


def test_a_process_that_is_gone_is_known_at_once(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        path.write_text(replace(beat(), pid=child.pid, started=start_of(child.pid)).to_json())
        assert check(path).healthy
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert "is gone" in check(path).detail, "it has ended, and is still in the table of processes"
    assert "is gone" in check(path).detail


def test_a_stranger_with_the_same_number_is_not_taken_for_the_worker(path: Path) -> None:
    path.write_text(replace(beat(), started=1).to_json())
    assert "is gone" in check(path).detail


def test_of_a_process_in_another_namespace_only_the_beat_counts(path: Path) -> None:
    path.write_text(replace(beat(), started=1, namespace=1).to_json())
    assert check(path).healthy
    path.write_text(replace(beat(), started=None, namespace=None).to_json())
    assert check(path).healthy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "{" * 3000,
        '{"worker": "x"}',
        json.dumps({**json.loads(beat().to_json()), "written": "now"}),
        json.dumps({**json.loads(beat().to_json()), "written": None}),
        json.dumps({**json.loads(beat().to_json()), "loop": float("nan")}),
        json.dumps({**json.loads(beat().to_json()), "loop": float("inf")}),
        json.dumps({**json.loads(beat().to_json()), "broker": -1}),
        json.dumps({**json.loads(beat().to_json()), "pid": "1"}),
        json.dumps({**json.loads(beat().to_json()), "started": "1"}),
        json.dumps({**json.loads(beat().to_json()), "more": 1}),
        "x" * 10_000,
    ],
)
def test_garbage_is_no_heartbeat(path: Path, text: str) -> None:
    path.write_text(text)
    assert check(path).detail == f"{path} is no heartbeat file"


def test_bytes_that_are_no_text_are_no_heartbeat(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    assert check(path).detail == f"{path} is no heartbeat file"


def test_what_is_no_plain_file_is_not_read(path: Path, tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(path)
    os.mkfifo(pipe)
    assert check(link).detail == f"{link} cannot be read: it is a link"
    assert check(pipe).detail == f"{pipe} is no plain file"
    assert check(tmp_path).detail == f"{tmp_path} is no plain file"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_somebody_else_is_not_believed(path: Path) -> None:
    os.chown(path, 12345, 12345)
    health = check(path)
    assert not health.healthy
    assert "belongs to another user" in health.detail


def test_a_file_that_is_not_there_is_one_line_and_code_1(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.unlink()
    assert run_check(path) == 1
    why = "the worker does not run, is stopping, or keeps another file"
    assert capsys.readouterr().out == f"unhealthy: there is no {path}: {why}\n"
    assert run_check(path / "below") == 1
    assert capsys.readouterr().out.count("\n") == 1
    path.write_text("")
    assert run_check(path / "below") == 1
    assert capsys.readouterr().out == f"unhealthy: {path / 'below'} cannot be read: Not a directory\n"
    assert run_check(Path("x" * 300)) == 1


def test_the_variable_names_a_file_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    assert usual_path("cpu-1@here") == tmp_path / "mine"
    monkeypatch.setenv(VARIABLE, f"{tmp_path / 'folder'}/")
    assert usual_path("cpu-1@here").parent == tmp_path / "folder"
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert usual_path("cpu-1@here").parent == tmp_path


def test_each_worker_has_a_file_of_its_own_in_a_folder_of_the_user(tmp_path: Path) -> None:
    names = ["cpu-1@here", "cpu-2@here", "../cpu-1@here", "..", "CPU-1@here", "cpu%2F1@here", "cpu/1@here", "ä\udcff"]
    paths = [usual_path(name) for name in names]
    paths += [usual_path("cpu-1@here", Path(fleet)) for fleet in ("a/fleet.yaml", "b/fleet.yaml")]
    assert len(set(paths)) == len(paths)
    assert {path.parent for path in paths} == {tmp_path / f"allotment-{os.geteuid()}"}
    assert usual_path("cpu-1@here", Path("a/../fleet.yaml")) == usual_path("cpu-1@here", tmp_path / "fleet.yaml")


def test_a_file_is_written_into_a_folder_that_nobody_else_enters() -> None:
    path = usual_path("cpu-1@here")
    file = HeartbeatFile(path)
    file.write(beat().to_json())
    assert own_folder().stat().st_mode & 0o777 == 0o700
    assert check(path).healthy
    file.write("another")
    assert path.read_text() == "another"
    assert list(own_folder().iterdir()) == [path]
    file.remove()
    file.remove()
    assert list(own_folder().iterdir()) == []


def test_a_folder_that_others_may_enter_is_not_written_to(tmp_path: Path) -> None:
    file = HeartbeatFile(usual_path("cpu-1@here"))
    own_folder().mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="others may enter it"):
        file.write("x")
    own_folder().rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    own_folder().symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        file.write("x")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_that_waits_where_the_file_is_written_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    path = tmp_path / "beat.json"
    for planted in (path, tmp_path / "beat.json.new"):
        planted.symlink_to(target)
    HeartbeatFile(path).write("beat")
    assert target.read_text() == "kept"
    assert path.read_text() == "beat"
    assert not path.is_symlink()


def worker_file(node: str, fleet: str = "fleet.yaml") -> Path:
    """Write a healthy worker's file where `allot worker` would, and give its path."""
    path = usual_path(f"cpu-1@{node}", Path(fleet))
    HeartbeatFile(path).write(beat().to_json())
    return path


def asked(*arguments: str) -> int:
    return main(["worker", "--health-check", *arguments])


def test_the_command_finds_the_file_by_the_options_of_the_worker(capsys: pytest.CaptureFixture[str]) -> None:
    path = worker_file("here")
    for options in (
        ["--profile", "cpu", "--node", "here"],
        ["-p", "cpu", "-n", "here", "-i", "1", "-l", "INFO", "-f", "fleet.yaml"],
        ["--profile=cpu", "--node=here", "--index=1"],
        ["--profile", "cpu"],
        ["-pcpu", "-nhere"],
        ["--profile", "gpu", "--profile", "cpu"],  # read by click
        ["--heartbeat", str(path)],
        ["--profile", "cpu", "--index", "7", "--heartbeat", str(path)],
    ):
        assert asked(*options) == 0, capsys.readouterr()
    for options in (
        ["--profile", "cpu", "--node", "there"],
        ["--profile", "cpu", "--index", "2"],
        ["--profile", "gpu"],
        ["--profile", "cpu", "--fleet", "other.yaml"],
        ["--heartbeat", "nothing"],
    ):
        capsys.readouterr()
        assert asked(*options) == 1
        assert capsys.readouterr().out.startswith("unhealthy: there is no ")


def test_without_a_node_the_last_one_counts() -> None:
    old, new = worker_file("before"), worker_file("now")
    os.utime(old, (1, 1))
    old.write_text("garbage")
    os.utime(old, (1, 1))
    assert asked("-p", "cpu") == 0
    new.unlink()
    assert asked("-p", "cpu") == 1


def test_a_fleet_file_behind_a_link_is_found_under_either_name(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").touch()
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    path = worker_file("here", "real.yaml")
    assert asked("-p", "cpu", "-f", "link.yaml") == 0
    path.unlink()
    worker_file("here", "link.yaml")
    assert asked("-p", "cpu", "-f", "link.yaml") == 0


def test_the_variables_stand_in_for_the_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = worker_file("here", "other.yaml")
    monkeypatch.setenv("ALLOTMENT_FLEET", "other.yaml")
    assert asked("--profile", "cpu") == 0
    monkeypatch.setenv(VARIABLE, str(path))
    assert asked() == 0
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nothing"))
    assert asked() == 1
    assert asked("--heartbeat", str(path)) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--profile"],
        ["--profile", "cpu", "--index", "0"],
        ["--profile", "cpu", "--index", "one"],
        ["--profile", "cpu", "--nodes", "here"],
        ["--profile", "cpu", "here"],
    ],
)
def test_wrong_options_are_code_2_as_everywhere(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(*arguments) == 2
    said = capsys.readouterr()
    assert "Error: " in said.err
    assert said.out == ""


def test_asking_imports_nothing_slow() -> None:
    path = worker_file("here")
    code = """
import sys
from allotment.cli.main import main
code = main(sys.argv[1:])
slow = {"click", "rich", "yaml", "celery", "kombu", "redis", "amqp", "psutil", "asyncio", "socket", "subprocess"}
print(sorted(slow & set(sys.modules)), code)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "worker", "--health-check", "--profile", "cpu"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[1:] == ["[] 0"], path
