"""What `allot up` does when processes die, when it is told to stop, and when it is started twice."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from acceptance.conftest import allot, clean_environment

from allotment.local.running import RunningFleet

Project = Callable[[str], Path]

LEFT = "left-1@node-1"
ENDED = 60.0
"""Seconds: the grace, should a worker need all of it, and some more."""


def pid_of(fleet: RunningFleet, worker: str) -> int:
    """Give the number of the process that was started last for a worker."""
    return next(
        event["pid"] for event in reversed(fleet.events) if event["event"] == "started" and event["worker"] == worker
    )


def until(what: Callable[[], bool], timeout: float = ENDED) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


def family(pid: int) -> list[psutil.Process]:
    """Give a process and all that came from it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def runs(process: psutil.Process) -> bool:
    """Say whether a process runs: one that has ended and waits to be collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(processes: list[psutil.Process]) -> bool:
    """Say whether none of them runs."""
    return not any(runs(process) for process in processes)


def belonging_to(folder: Path) -> list[psutil.Process]:
    """Give the processes whose command line names the project: workers, supervisor, keeper, broker."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
    ]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[RunningFleet]:
    fleet = RunningFleet(folder / "fleet.yaml", *options, environment=clean_environment())
    try:
        yield fleet.start()
    finally:
        fleet.stop()


def test_a_worker_that_is_killed_comes_back_and_nothing_of_it_stays(project: Project) -> None:
    folder = project("crew")
    with running(folder) as fleet:
        before = family(pid_of(fleet, LEFT))
        assert len(before) > 1, "the worker has pool processes"
        before[0].kill()
        until(lambda: gone(before))
        until(lambda: sum(event["event"] == "ready" and event["worker"] == LEFT for event in fleet.events) == 2)
        again = allot("run", "left.add(20, 22)", "--json", folder=folder)
        assert again.code == 0, again.err
        assert again.document["finished"] == 1
    until(lambda: not belonging_to(folder))


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_one_starts_clean(project: Project) -> None:
    folder = project("crew")
    first = RunningFleet(folder / "fleet.yaml", environment=clean_environment()).start()
    processes = [process for process in family(first.pid) if process.pid != first.pid]
    assert len(processes) >= 3
    psutil.Process(first.pid).kill()
    until(lambda: gone(processes))
    until(lambda: not belonging_to(folder))
    first.stop()
    with running(folder) as second:
        workers = {event["worker"] for event in second.events if event["event"] == "ready"}
        assert workers == {LEFT, "third-1@node-1", "right-1@node-2"}
        assert allot("run", "right.double(4)", folder=folder).code == 0
    until(lambda: not belonging_to(folder))


def test_a_second_supervisor_is_refused_and_told_whose_it_is(project: Project) -> None:
    folder = project("crew")
    with running(folder, "--node", "node-1") as fleet:
        second = allot("up", "--node", "node-1", folder=folder)
        assert second.code == 3
        assert str(fleet.pid) in second.err
        assert "node-1" in second.err
        with running(folder, "--node", "node-2") as other:
            assert {event["worker"] for event in other.events if event["event"] == "ready"} == {"right-1@node-2"}


def _up(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "allotment", "up", *options],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    pytest.fail(f"{text!r} was not printed, but\n" + "".join(lines))


def _start_sleeper(folder: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "allotment", "run", f"left.sleep({seconds})", "--json", "--timeout", "30s"],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_ctrl_c_lets_what_runs_finish(project: Project) -> None:
    folder = project("crew")
    up = _up(folder)
    _read_until(up, "the fleet is ready")
    sleeper = _start_sleeper(folder, 2)
    _read_until(up, "left.sleep")
    up.send_signal(signal.SIGINT)
    rest = _read_until(up, f"{LEFT}") + up.communicate(timeout=ENDED)[0].splitlines()
    assert up.returncode == 0
    assert any("left.sleep" in line and "succeeded" in line for line in rest), rest
    out, _ = sleeper.communicate(timeout=ENDED)
    assert '"finished": 1' in out
    until(lambda: not belonging_to(folder))


def test_a_second_ctrl_c_stops_now(project: Project) -> None:
    folder = project("crew")
    up = _up(folder, "--grace", "60s")
    _read_until(up, "the fleet is ready")
    sleeper = _start_sleeper(folder, 50)
    _read_until(up, "left.sleep")
    up.send_signal(signal.SIGINT)
    _read_until(up, "may finish within")
    _read_until(up, "Warm shutdown")
    time.sleep(0.6)  # two signals within half a second count as one
    began = time.monotonic()
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=ENDED)
    assert time.monotonic() - began < 10
    sleeper.kill()
    sleeper.communicate()
    until(lambda: not belonging_to(folder))


def test_the_grace_bounds_the_stop(project: Project) -> None:
    folder = project("crew")
    up = _up(folder, "--grace", "1s")
    _read_until(up, "the fleet is ready")
    sleeper = _start_sleeper(folder, 50)
    _read_until(up, "left.sleep")
    began = time.monotonic()
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=ENDED)
    assert 1 <= time.monotonic() - began < 10
    sleeper.kill()
    sleeper.communicate()


def test_scale_runs_more_workers_of_a_profile(project: Project) -> None:
    folder = project("crew")
    with running(folder, "--node", "node-1", "--scale", "left=3") as fleet:
        ready = {event["worker"] for event in fleet.events if event["event"] == "ready"}
        assert ready == {LEFT, "left-2@node-1", "left-3@node-1", "third-1@node-1"}
        done = allot("run", "left.sleep(0.05)", "--times", "60", "--json", folder=folder)
        [row] = done.document["tasks"]
        assert sum(row["observed"].values()) == 60
        assert len(row["observed"]) == 3, "all three took part"


def test_a_worker_whose_app_breaks_waits_with_its_last_lines_until_it_is_mended(project: Project) -> None:
    folder = project("crew")
    left = folder / "crew" / "left.py"
    sound = left.read_text()
    with running(folder) as fleet:
        left.write_text(sound + "\nraise RuntimeError('half a deploy')\n")
        psutil.Process(pid_of(fleet, LEFT)).kill()
        until(lambda: any(event["event"] == "again" and event["failures"] == 3 for event in fleet.events))
        waits = [event for event in fleet.events if event["event"] == "again"]
        assert {event["worker"] for event in waits} == {LEFT}
        assert [event["seconds"] for event in waits] == sorted({event["seconds"] for event in waits}), (
            "longer each time"
        )
        assert any("half a deploy" in line for line in waits[-1]["last_lines"])
        assert allot("run", "right.double(4)", folder=folder).code == 0
        left.write_text(sound)
        until(lambda: sum(event["event"] == "ready" and event["worker"] == LEFT for event in fleet.events) == 2)
        assert not any(event["event"] == "given-up" for event in fleet.events)


def test_a_worker_that_was_never_ready_is_given_up_and_the_others_go_on(project: Project) -> None:
    folder = project("crew")
    left = folder / "crew" / "left.py"
    left.write_text(left.read_text() + "\nimport os\nif 'ALLOTMENT_WORKER' in os.environ:\n    os._exit(7)\n")
    up = _up(folder, "--json")
    said = [json.loads(line) for line in _read_until(up, '"given-up"')]
    assert said[-1]["worker"] == LEFT
    assert said[-1]["code"] == 7
    assert sum(event["event"] == "started" and event["worker"] == LEFT for event in said) == 5
    assert allot("run", "right.double(4)", folder=folder).code == 0
    up.send_signal(signal.SIGTERM)
    up.communicate(timeout=ENDED)
    assert up.returncode == 1


def test_messages_of_the_embedded_broker_outlive_it(project: Project) -> None:
    folder = project("crew")
    sent = allot("run", "left.add(1, 1)", "--timeout", "1s", "--json", folder=folder)
    assert sent.code == 1
    until(lambda: not belonging_to(folder))
    with running(folder):
        [identity] = sent.document["ids"]
        until(lambda: allot("trace", identity, "--json", folder=folder).code == 0)
        [step] = allot("trace", identity, "--json", folder=folder).document["steps"]
        assert step["state"] == "SUCCESS"
        assert step["worker"] == LEFT


def test_a_folder_with_a_space_and_a_very_long_one_will_do(project: Project, tmp_path: Path) -> None:
    crew = project("crew")
    for name in ("a folder with spaces", "x" * 120):
        folder = Path(shutil.copytree(crew, tmp_path / name / "crew"))
        done = allot("run", "left.add(1, 2)", "--up", folder=folder)
        assert done.code == 0, done


def test_a_process_that_a_killed_worker_leaves_behind_stops_nobody(project: Project) -> None:
    """It is in a session of its own and holds the worker's output open."""
    folder = project("crew")
    left = folder / "crew" / "left.py"
    left.write_text(
        left.read_text()
        + "\n\nimport subprocess\n\n@shared_task(name='left.stray')\ndef stray() -> int:\n"
        + "    return subprocess.Popen(['sleep', '60'], start_new_session=True).pid\n"
    )
    with running(folder) as fleet:
        assert allot("run", "left.stray()", folder=folder).code == 0
        psutil.Process(pid_of(fleet, LEFT)).kill()
        until(lambda: sum(event["event"] == "ready" and event["worker"] == LEFT for event in fleet.events) == 2)
        assert fleet.stop() == 0


def test_a_reader_that_goes_away_stops_the_fleet_in_good_order(project: Project) -> None:
    folder = project("crew")
    up = _up(folder)
    _read_until(up, "the fleet is ready")
    assert up.stdout is not None
    up.stdout.close()
    allot("run", "left.add(1, 2)", "--timeout", "2s", folder=folder)
    assert up.wait(ENDED) == 0
    until(lambda: not belonging_to(folder))


def test_a_result_may_be_read_before_anything_else_is_done(project: Project) -> None:
    folder = project("crew")
    code = (
        "from crew.app import app; from allotment import Fleet; Fleet.load('fleet.yaml').install(app)\n"
        "print(app.AsyncResult('none-such').state)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "PENDING", done.stderr
