"""A worker or one of its pool's processes is killed while it runs a task."""

import os
import signal

import psutil

from allotment.testing.faults import processes
from allotment.testing.faults.case import EVERY, REDIS, Case
from allotment.testing.faults.scene import LEFT, PATIENCE, RIGHT, Scene

_LONG = 3.0
_CHILDREN_SECONDS = 5.0


def worker_killed(scene: Scene) -> None:
    """SIGKILL the worker `left` while it runs a long task, with short ones before and behind it."""
    ready = scene.fleet.times_ready(LEFT)
    (long,) = scene.sent("left.step", args=[_LONG])
    scene.sent(count=60)
    run = scene.until_running(long)
    children = [psutil.Process(pid) for pid in scene.fleet.pids(LEFT)[1:] if psutil.pid_exists(pid)]
    if scene.killed(scene.fleet.worker(LEFT), LEFT):
        cut_short = not any(one.finished for one in scene.runs_of(long))
        scene.landed(f"a task was running in it, in process {run.pid if run else '?'}", seen=cut_short)
        left = processes.left(children, _CHILDREN_SECONDS)
        scene.expect("its pool ends with it", f"{len(left)} of {len(children)} are left", holds=not left)
        scene.again(LEFT, ready)


def child_killed(scene: Scene) -> None:
    """SIGKILL the pool process that runs a long task."""
    (long,) = scene.sent("left.step", args=[_LONG])
    scene.sent(count=60)
    before = scene.fleet.worker(LEFT)
    run = scene.until_running(long)
    if run is None or before is None:
        return
    if run.pid != before.pid:
        scene.killed(psutil.Process(run.pid), "the pool process")
    after = scene.fleet.worker(LEFT)
    scene.expect("the worker itself goes on", f"process {after.pid if after else 'none'}", holds=after == before)


def killed_again_and_again(scene: Scene) -> None:
    """SIGKILL one worker after the other while a steady stream comes in."""
    stream = scene.send(rate=60.0, count=None)
    scene.until_finished(30)
    for name in (LEFT, RIGHT, LEFT):
        ready = scene.fleet.times_ready(name)
        scene.killed(scene.fleet.worker(name), name)
        scene.again(name, ready)
    stream.stop()
    scene.ended(stream)


def stopped_long_enough(scene: Scene) -> None:
    """SIGSTOP the worker for longer than the visibility timeout: its tasks are delivered again, to somebody."""
    (long,) = scene.sent("left.step", args=[_LONG])
    scene.until_running(long)
    pids = scene.fleet.pids(LEFT)
    ready = scene.fleet.times_ready(LEFT)
    scene.fault()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    stopped = scene.until(lambda: all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in pids))
    scene.landed(f"{LEFT} and its pool stand still", seen=stopped)
    worker = scene.fleet.worker(LEFT)
    if worker is not None:
        worker.kill()
    scene.again(LEFT, ready, PATIENCE)


CASES = (
    Case("F1", "SIGKILL of a worker in the middle of a task", worker_killed, short=EVERY),
    Case("F2", "SIGKILL of a pool process", child_killed, short=("rabbitmq-quorum", "redis")),
    Case("F1b", "SIGKILL of one worker after another under load", killed_again_and_again),
    Case("F24", "Redis: SIGKILL of a stopped worker, short visibility timeout", stopped_long_enough, brokers=REDIS),
)
