"""A worker or one of its pool's processes is killed while it runs a task."""

import time

import psutil

from allotment.testing.faults import processes
from allotment.testing.faults.case import EVERY, REDIS, Case
from allotment.testing.faults.scene import LEFT, RIGHT, Scene
from allotment.testing.faults.workload.fleet import VISIBILITY

_LONG = 3.0
_CHILDREN_SECONDS = 5.0


def worker_killed(scene: Scene) -> None:
    """SIGKILL the worker `left` while it runs a long task, with short ones before and behind it."""
    ready = scene.fleet.times_ready(LEFT)
    (long,) = scene.sent("left.step", args=[_LONG])
    scene.sent(count=60)
    scene.until_running(long)
    worker = scene.fleet.worker(LEFT)
    children = processes.children(worker) if worker else []
    ran = scene.runs_in(LEFT, long)
    if scene.killed(worker, LEFT):
        scene.landed("a long task was running in it", seen=ran and _cut_short(scene, long))
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
    ran = scene.runs_in(LEFT, long)
    if run.pid != before.pid and scene.killed(psutil.Process(run.pid), "the pool process"):
        scene.landed("a long task was running in it", seen=ran and _cut_short(scene, long))
    scene.untouched(before, LEFT)


def _cut_short(scene: Scene, task_id: str) -> bool:
    """Say whether a message's task, whose process is gone, had not come to its end."""
    return not any(run.finished for run in scene.runs_of(task_id))


def killed_again_and_again(scene: Scene) -> None:
    """SIGKILL one worker after the other while a steady stream comes in."""
    stream = scene.send(rate=60.0, count=None)
    scene.until_completed(30)
    for name in (LEFT, RIGHT, LEFT):
        ready = scene.fleet.times_ready(name)
        scene.killed(scene.fleet.worker(name), name)
        scene.again(name, ready)
    stream.stop()
    scene.ended(stream)


def stopped_long_enough(scene: Scene) -> None:
    """SIGSTOP the worker for longer than the visibility timeout, and kill it: its task waits for the next one."""
    (long,) = scene.sent("left.step", args=[_LONG])
    scene.until_running(long)
    worker, ready = scene.fleet.worker(LEFT), scene.fleet.times_ready(LEFT)
    pool = [worker, *processes.children(worker)] if worker else []
    ran = scene.runs_in(LEFT, long)
    scene.fault()
    began = time.monotonic()
    for process in pool:
        process.suspend()
    still = scene.until(lambda: all(one.status() == psutil.STATUS_STOPPED for one in pool))
    scene.landed(f"{LEFT} and its pool stand still", seen=bool(pool) and still)
    lane = scene.lane("left.step")
    back = scene.until(lambda: scene.broker.waiting([lane])[lane].ready > 0, 3 * VISIBILITY)
    scene.expect("what it had waits in its queue again", "it does" if back else "it does not", holds=back)
    time.sleep(max(0.0, VISIBILITY - (time.monotonic() - began)))
    scene.landed("a long task was running in it", seen=ran and _cut_short(scene, long))
    scene.killed(worker, LEFT)
    scene.again(LEFT, ready)


CASES = (
    Case("F1", "SIGKILL of a worker in the middle of a task", worker_killed, short=EVERY),
    Case("F2", "SIGKILL of a pool process", child_killed, short=("rabbitmq-quorum", "redis")),
    Case("F1b", "SIGKILL of one worker after another under load", killed_again_and_again),
    Case("F24", "Redis: SIGKILL of a stopped worker, short visibility timeout", stopped_long_enough, brokers=REDIS),
)
