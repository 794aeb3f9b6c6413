"""The supervisor: told to stop, killed, started twice, and misled."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise

import psutil

from allotment.local.running import FleetNotStarted, RunningFleet
from allotment.local.state import StateFolder
from allotment.testing.faults import processes
from allotment.testing.faults.case import EVERY, Case
from allotment.testing.faults.running import SupervisedFleet
from allotment.testing.faults.scene import LEFT, RIGHT, WAITING, Scene

_SHORT = ("redis",)
_GONE_SECONDS = 60.0
_TRIES = 4
_LEFTS = (LEFT, "left-2@here")


def stopped_in_time(scene: Scene) -> None:
    """SIGTERM while a long task runs that ends within the grace: it is finished, and not run again."""
    _stop_while_running(scene, 3.0, again=False)


def stopped_too_early(scene: Scene) -> None:
    """SIGTERM while a task runs that takes longer than the grace: it is given back, and run by the next fleet."""
    _stop_while_running(scene, 5.5, again=True)


def _stop_while_running(scene: Scene, seconds: float, *, again: bool) -> None:
    fleet = scene.under_allot
    (long,) = scene.sent("left.step", args=[seconds])
    scene.until_running(long)
    scene.sent(count=60)
    scene.landed("it was told to stop while a long task ran", seen=scene.runs_in(LEFT, long))
    scene.fault()
    code = fleet.stop_with_code()
    finished = any(run.finished for run in scene.runs_of(long))
    scene.expect("allot up ends with code 0", str(code), holds=code == 0)
    fleet.start()
    if again:
        scene.landed("the grace was over before the task", seen=not finished)
        done = scene.until_done([long])
        scene.expect("the task is run again", "it is" if done else "it is not", holds=done)
    else:
        runs = len(scene.runs_of(long))
        scene.expect("the long task ran once", f"{runs} runs", holds=finished and runs == 1)


def supervisor_killed(scene: Scene) -> None:
    """SIGKILL of the supervisor under load: its workers end too; the next one starts just as many."""
    fleet = scene.under_allot
    scene.sent(args=[0.2], count=90)
    scene.until_completed(5)
    workers = [fleet.worker(worker.name) for worker in scene.plan.workers]
    supervisor = fleet.supervisor
    ran = sum(len(scene.running_in(worker.name)) for worker in scene.plan.workers)
    there = supervisor is not None and processes.alive(supervisor)
    scene.landed(f"{ran} tasks ran under the supervisor", seen=there and ran > 0)
    scene.fault()
    fleet.kill_supervisor()
    scene.landed("the supervisor is gone", seen=supervisor is not None and not processes.alive(supervisor))
    left = processes.left([one for one in workers if one], _GONE_SECONDS)
    scene.expect("its workers end with it", f"{len(left)} are left", holds=not left)
    fleet.start()
    _exactly(scene)


def _exactly(scene: Scene) -> None:
    """See that there is one process for each worker of the plan, its pool aside."""
    found = [
        one for one in scene.processes()
        if _is_worker(one) and (parent := one.parent()) is not None and not _is_worker(parent)
    ]  # fmt: skip
    wanted = len(scene.plan.workers)
    scene.expect(f"there are {wanted} workers", f"{len(found)}", holds=len(found) == wanted)


def _is_worker(process: psutil.Process) -> bool:
    return {"allotment", "worker"} <= set(processes.command(process))


def second_supervisor(scene: Scene) -> None:
    """`allot up` a second time on the same fleet and node."""
    fleet = scene.under_allot
    supervisor = fleet.supervisor
    scene.fault()
    second = RunningFleet(scene.fleet_file, environment=scene.environment, module=scene.allot)
    there = supervisor is not None and processes.alive(supervisor)
    scene.landed("a second allot up was started while the first one ran", seen=there)
    try:
        second.start()
    except FleetNotStarted as error:
        said = str(error)
        pid = str(supervisor.pid) if supervisor else "?"
        scene.expect("it names the process of the first", said[:160], holds=pid in said)
    else:
        scene.expect("the second is refused", "it runs", holds=False)
    finally:
        code = second.stop()
    scene.expect("it ends with a code of its own", str(code), holds=code not in {0, 1})
    _exactly(scene)
    scene.sent(count=30)


def stranger(scene: Scene) -> None:
    """The notes of the last supervisor name a process number that a stranger has now: the stranger is left alone.

    They also name a process as they would one of a fleet that was killed: that one is ended, so they are heeded.
    """
    fleet = scene.under_allot
    scene.sent(count=30)
    notes = StateFolder.of(scene.fleet_file, scene.environment).file("workers-here.json")
    noted = {entry["name"]: entry for entry in json.loads(notes.read_text())}
    fleet.stop()
    with _sleeper() as other, _sleeper() as left_over:
        forged = [{**noted[LEFT], **_note(other, -100.0)}, {**noted[RIGHT], **_note(left_over, 0.0)}]
        notes.write_text(json.dumps(forged))
        scene.fault()
        fleet.start()
        heeded, alive = not processes.alive(left_over), processes.alive(other)
    scene.landed(f"the notes name process {other.pid}, a stranger, and are heeded", seen=heeded)
    scene.expect("the stranger is not signalled", "it lives" if alive else "it has ended", holds=alive)


@contextlib.contextmanager
def _sleeper() -> Iterator[psutil.Process]:
    """Give a process that does nothing, and is no part of the fleet."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    collecting = threading.Thread(target=process.wait)  # as init would: whoever ends it waits until it is gone
    collecting.start()
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        collecting.join()


def _note(process: psutil.Process, seconds: float) -> dict[str, float]:
    """Give what the supervisor notes of a process, as if it had been started so many seconds later."""
    return {"pid": process.pid, "started": process.create_time() + seconds}


def broken_edit(scene: Scene) -> None:
    """The file is broken while the fleet runs, and SIGHUP sent: the old plan stays, and it says so."""
    fleet = scene.under_allot
    before = [fleet.worker(worker.name) for worker in scene.plan.workers]
    stream = scene.send(rate=40.0, count=None)
    text = scene.fleet_file.read_text()
    broken = text.replace("left.*", "left.*\n  - :", 1)
    scene.fault()
    scene.fleet_file.write_text(broken)
    told = _hang_up(fleet)
    scene.landed("the file was broken and SIGHUP sent", seen=told and broken != text)
    said = scene.until(lambda: fleet.count("not-followed") > 0, 30.0)
    scene.expect("it says that the file is not followed", "it does" if said else "it does not", holds=said)
    same = [fleet.worker(worker.name) for worker in scene.plan.workers] == before
    scene.expect("the workers are untouched", "they are" if same else "others run", holds=same)
    scene.fleet_file.write_text(text)
    stream.stop()
    scene.ended(stream)


def scaled_down_while_busy(scene: Scene) -> None:
    """One worker fewer, by the file and SIGHUP, while both are busy: it drains, and nothing runs twice."""
    fleet = scene.under_allot
    scene.fleet_file.write_text(scene.workload.text(left_workers=2))
    _hang_up(fleet)
    two = scene.until(lambda: fleet.times_ready(_LEFTS[1]) > 0)
    scene.expect("a second worker is started", "it is" if two else "it is not", holds=two)
    # as many as keep both busy until the file is followed, none for longer in a worker than the visibility timeout
    long = scene.sent("left.step", args=[1.0], count=24)
    scene.until(lambda: all(scene.running_in(worker) for worker in _LEFTS))
    scene.fault()
    scene.fleet_file.write_text(scene.workload.text(left_workers=1))
    _hang_up(fleet)
    scene.sent(count=30)
    scene.until(lambda: fleet.count("draining") > 0)
    one_left = scene.until(lambda: sum(fleet.worker(worker) is not None for worker in _LEFTS) == 1)
    scene.until_done(long)
    runs = [run for one in long for run in scene.runs_of(one)]
    drained = [event for event in fleet.events if event["event"] == "draining"]
    busy = {run.worker for run in runs if drained and run.going_on(drained[0]["time"])}
    scene.landed("one worker was taken away while both were busy", seen=one_left and busy == set(_LEFTS))
    counts = [len(scene.runs_of(one)) for one in long]
    scene.expect("what ran is finished, and once", f"runs: {counts}", holds=counts == [1] * len(long))


def _hang_up(fleet: SupervisedFleet) -> bool:
    """Send SIGHUP; say whether there was somebody to hear it."""
    supervisor = fleet.supervisor
    if supervisor is None or not processes.alive(supervisor):
        return False
    supervisor.send_signal(signal.SIGHUP)
    return True


def crash_at_import(scene: Scene) -> None:
    """A worker's module cannot be imported any more: it is tried again ever more seldom, and comes back once mended."""
    fleet = scene.under_allot
    before, ready = fleet.worker(LEFT), fleet.times_ready(WAITING)
    scene.crash_file.touch()
    scene.killed(fleet.worker(WAITING), WAITING)
    tried = scene.until(lambda: fleet.count("again", WAITING) >= _TRIES, 90.0)
    words = [str(one.get("text", "")) for one in fleet.events if one.get("worker") == WAITING]
    scene.landed("its module fails", seen=any("this module cannot be imported" in text for text in words))
    delays = [one["seconds"] for one in fleet.events if one["event"] == "again" and one["worker"] == WAITING]
    longer = all(later > earlier for earlier, later in pairwise(delays))
    scene.expect("it is tried again ever more seldom", f"after {delays} s", holds=tried and longer)
    done = scene.sent("left.step", "right.step", count=20)
    scene.until_done(done)
    scene.untouched(before, LEFT)
    scene.crash_file.unlink()
    scene.again(WAITING, ready)


CASES = (
    Case("F16", "SIGTERM while a long task runs", stopped_in_time, short=_SHORT, alone=True, supervised=True),
    Case(
        "F16b",
        "SIGTERM while a task runs for longer than the grace",
        stopped_too_early,
        alone=True,
        supervised=True,
        grace=2.0,
    ),
    Case("F17", "scaled down while busy", scaled_down_while_busy, short=_SHORT, alone=True, supervised=True),
    Case("F18", "SIGKILL of the supervisor", supervisor_killed, short=EVERY[:1], alone=True, supervised=True),
    Case("F19", "two supervisors", second_supervisor, short=_SHORT, supervised=True),
    Case("F20", "a process number used again by a stranger", stranger, alone=True, supervised=True),
    Case("F21", "the file is broken while the fleet runs", broken_edit, short=_SHORT, alone=True, supervised=True),
    Case("F23", "a worker that crashes at import", crash_at_import, brokers=EVERY, alone=True, supervised=True),
)
