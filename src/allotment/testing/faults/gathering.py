"""The evidence of a case: waiting until nothing is left to come, and asking everybody."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from allotment.testing.faults import processes
from allotment.testing.faults.brokers import READY_STATES, Waiting
from allotment.testing.faults.oracle import Evidence, Run
from allotment.testing.faults.scene import Scene
from allotment.testing.faults.unfinished import Unfinished

_LOOK = 0.5
_QUIET_SECONDS = 7.0
"""RabbitMQ's figures of a quorum queue may be 5 s old (`quorum_tick_interval`)."""
_FEW = 500
"""How many unfinished messages the broker is asked about in a look."""
_STUCK_SECONDS = 30.0
_GONE_SECONDS = 20.0
_TOLD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Drained:
    """How the drain ended: whether nothing is left in the queues, and after how many seconds since the fault."""

    empty: bool
    seconds: float | None
    left: str = ""


def drain(scene: Scene, seconds: float) -> Drained:
    """Wait until every confirmed message of the case has been done and the queues are empty, or nothing more can come.

    Nothing more can come when no queue holds anything and no task runs: seen once where all is done, else for some
    seconds; and when what lies in the queues has not changed for 30 seconds, with nothing that a worker holds and might
    give back.
    """
    deadline = time.monotonic() + seconds
    unfinished = scene.unfinished
    finished_at: float | None = None
    changed_at, last, busy_at = time.monotonic(), object(), time.monotonic()
    while time.monotonic() < deadline:
        done = _all_done(scene, unfinished)
        if done and finished_at is None:
            finished_at = time.monotonic()
        now = (_lying(scene), len(scene.ledger.read().runs))
        if now != last:
            changed_at, last = time.monotonic(), now
        busy = bool(now[0]) or bool(scene.ledger.running(_pids(scene)))
        busy_at = time.monotonic() if busy else busy_at
        quiet = time.monotonic() - busy_at > _QUIET_SECONDS
        stuck = time.monotonic() - changed_at > _STUCK_SECONDS and not any(one.unacknowledged for _, one in now[0])
        if (done and not busy) or quiet or stuck:
            break
        time.sleep(_LOOK)
    left = ", ".join(f"{name}: {one.ready} waiting, {one.unacknowledged} unacknowledged" for name, one in _lying(scene))
    took = finished_at - scene.fault_began if finished_at and scene.fault_began else None
    return Drained(not left, took, left)


def _all_done(scene: Scene, unfinished: Unfinished) -> bool:
    """Say whether nothing is unfinished; the broker is asked for the last few, as each look at it costs."""
    left = unfinished.look()
    if left and len(left) <= _FEW:
        unfinished.leave_out([letter.id for letter in scene.broker.dead_letters()])
        unfinished.leave_out(_succeeded(scene, left))
        left = unfinished.look()
    return not left


def _lying(scene: Scene) -> tuple[tuple[str, Waiting], ...]:
    """Give the queues that hold something, and how much."""
    waiting = scene.broker.waiting(scene.queues)
    return tuple((name, one) for name, one in sorted(waiting.items()) if one.ready or one.unacknowledged)


def gather(scene: Scene) -> Evidence:
    """Give the evidence of the scene's present case; orphans of the running fleet are among it."""
    confirmed = {one.id: one.task for one in scene.confirmed}
    pending = _pending(scene, confirmed)
    aside = {letter.id: letter.reason for letter in scene.broker.dead_letters() if letter.id}
    runs = tuple(scene.ledger.read().runs[scene.runs_before :])
    return Evidence(
        confirmed=confirmed,
        runs=runs,
        set_aside={one: reason for one, reason in aside.items() if one in confirmed},
        allowed=_allowed(scene, runs),
        excused=None if scene.users_fleet else frozenset(scene.excused),
        pending=frozenset(pending),
        succeeded=_succeeded(scene, confirmed),
        orphans=tuple(processes.described(one) for one in _strays(scene)),
    )


def left_behind(scene: Scene) -> tuple[str, ...]:
    """Give the processes that carry the scene's mark some time after it was closed: there should be none."""
    processes.until(lambda: not scene.processes(), _GONE_SECONDS)
    found = scene.processes()
    described = tuple(processes.described(one) for one in found)
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return described


def _allowed(scene: Scene, runs: Iterable[Run]) -> dict[str, frozenset[str]]:
    """Give, for each task of the plan, those of the workers that ran something which may run it."""
    registered = {name: frozenset(scene.plan.registered_by(name)) for name in scene.plan.model.profiles}
    workers = {run.worker: registered.get(_profile(run.worker), frozenset()) for run in runs}
    return {task: frozenset(name for name, tasks in workers.items() if task in tasks) for task in scene.plan.tasks}


def _profile(worker: str) -> str:
    """Give the profile of a worker: its name is PROFILE-INDEX@NODE."""
    return worker.partition("@")[0].rpartition("-")[0]


def _succeeded(scene: Scene, ids: Iterable[str]) -> frozenset[str]:
    """Give those whose result says that they succeeded, of which the ledger has no end."""
    finished = scene.ledger.finished
    states = scene.broker.results(one for one in ids if one not in finished)
    return frozenset(one for one, state in states.items() if state == "SUCCESS")


def _pending(scene: Scene, confirmed: dict[str, str]) -> set[str]:
    """Give the ids that have no result; those that were told a moment later than they were done are waited for."""
    open_ids = set(confirmed)

    def all_told() -> bool:
        states = scene.broker.results(open_ids)
        open_ids.difference_update(one for one, state in states.items() if state in READY_STATES)
        return not open_ids

    if not all_told() and scene.fault_began is not None:
        processes.until(all_told, _TOLD_SECONDS if not scene.plain else 1.0)
    return open_ids


def _pids(scene: Scene) -> list[int]:
    return [process.pid for process in scene.processes()]


def _strays(scene: Scene) -> list[psutil.Process]:
    """Give marked processes that belong neither to a worker of the running fleet nor to who keeps it."""

    def strays() -> list[psutil.Process]:
        supervisor = scene.fleet.supervisor
        heads = [supervisor] if supervisor else [scene.fleet.worker(worker.name) for worker in scene.plan.workers]
        found = scene.processes()
        heads += [one for one in found if processes.keeps(one) or processes.serves(one)]
        belonging = {scene.publisher.process.pid}
        for head in filter(None, heads):
            belonging |= {head.pid, *(child.pid for child in processes.children(head))}
        return [one for one in found if one.pid not in belonging]

    processes.until(lambda: not strays(), _TOLD_SECONDS)
    return strays()
