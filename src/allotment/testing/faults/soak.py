"""A soak: a steady stream of tasks for a long time, and one fault after the other from a seed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import psutil

from allotment.testing.faults import processes
from allotment.testing.faults.brokers import FaultBroker
from allotment.testing.faults.gathering import drain, gather
from allotment.testing.faults.oracle import Verdict, judge
from allotment.testing.faults.scene import PATIENCE, STEPS, Scene
from allotment.testing.faults.schedule import Fault, Planned

_STALL_SECONDS: Final = 6.0
_DRAIN_SECONDS: Final = 300.0
_LOOK: Final = 0.2


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that was brought about: what was seen of it, whether it landed, and the seconds to recover.

    Recovered is a fleet of which every kind of worker has begun and finished something that was sent since. None: it
    had not when the next fault came.
    """

    planned: Planned
    landed: bool
    seen: str
    recovered: float | None


@dataclass(frozen=True)
class Soaked:
    """What came of a soak; `interrupted`: it was ended before its time. `confirmed` and `refused` count messages."""

    verdict: Verdict
    happened: tuple[Happened, ...]
    confirmed: int
    refused: int
    drained: str
    seconds: float
    interrupted: bool

    @property
    def passed(self) -> bool:
        """Whether every promise was kept, and something was lived through."""
        return self.verdict.holds and not self.drained and any(one.landed for one in self.happened)


def possible_faults(broker: FaultBroker) -> tuple[Fault, ...]:
    """Give the faults that can be brought about on a broker."""
    found = [Fault.WORKER, Fault.CHILD, Fault.SUPERVISOR]
    if broker.server is not None:
        found += [Fault.BROKER_KILLED, Fault.BROKER_STOPPED]
    else:
        found += [Fault.KEEPER, Fault.BROKER_KILLED]
    if broker.proxy is not None:
        found += [Fault.CUT, Fault.STALL]
    return tuple(found)


def soak(
    scene: Scene,
    planned: Sequence[Planned],
    tell: Callable[[Happened | str], None],
    *,
    seconds: float,
    rate: float,
    tasks: Sequence[str] = STEPS,
    args: Sequence[object] = (),
) -> Soaked:
    """Send `rate` tasks a second for so many seconds, and bring about what is planned; then wait for everything.

    `tell` is told each fault, and in a line how things stand. KeyboardInterrupt ends the faults and the stream early.
    """
    began = time.monotonic()
    stream = scene.send(*tasks, args=list(args), count=None, rate=rate, threads=4)
    happened: list[Happened] = []
    interrupted = False
    try:
        for index, one in enumerate(planned):
            _sleep_until(began + one.at, scene, tell)
            next_at = began + (planned[index + 1].at if index + 1 < len(planned) else seconds)
            happened.append(_bring_about(scene, one, next_at, tasks))
            tell(happened[-1])
        _sleep_until(began + seconds, scene, tell)
    except KeyboardInterrupt:
        interrupted = True
    if scene.broker.proxy is not None:
        scene.broker.proxy.resume()
    stream.stop()
    scene.ended(stream, _DRAIN_SECONDS)
    tell("draining")
    drained = drain(scene, _DRAIN_SECONDS)
    verdict = judge(gather(scene))
    confirmed = len(scene.journal.confirmed)
    return Soaked(
        verdict, tuple(happened), confirmed, len(scene.refused), drained.left, time.monotonic() - began, interrupted
    )


def _sleep_until(moment: float, scene: Scene, tell: Callable[[Happened | str], None]) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        finished, confirmed = len(scene.ledger.read().finished), len(scene.journal.read().confirmed)
        tell(f"{confirmed} confirmed, {finished} done, {len(scene.refused)} refused")


def _bring_about(scene: Scene, planned: Planned, next_at: float, tasks: Sequence[str]) -> Happened:
    began = time.monotonic()
    seen = _ACTIONS[planned.fault](scene, planned.victim)
    clock = time.time()
    recovered = None
    while time.monotonic() < next_at:
        runs = scene.ledger.read().runs
        since = {run.task for run in runs if run.began > clock and run.finished}
        if since >= set(tasks):
            recovered = time.monotonic() - began
            break
        time.sleep(_LOOK)
    return Happened(planned, bool(seen), seen or "nothing was there to be broken", recovered)


def _worker(scene: Scene, victim: int) -> str:
    workers = scene.plan.workers
    name = workers[victim % len(workers)].name
    return _kill(scene.fleet.worker(name), name)


def _child(scene: Scene, victim: int) -> str:
    children = [pid for worker in scene.plan.workers for pid in scene.fleet.pids(worker.name)[1:]]
    if not children:
        return ""
    pid = children[victim % len(children)]
    try:
        return _kill(psutil.Process(pid), "a pool process")
    except psutil.NoSuchProcess:
        return ""


def _supervisor(scene: Scene, _: int) -> str:
    supervisor = scene.fleet.supervisor
    if supervisor is None:
        return ""
    workers = [scene.fleet.worker(worker.name) for worker in scene.plan.workers]
    scene.fleet.kill_supervisor()
    processes.left([one for one in workers if one], PATIENCE)
    scene.fleet.start()
    return f"the supervisor (process {supervisor.pid}) is gone, and another runs"


def _marked(scene: Scene, name: str, part: str) -> str:
    for process in scene.processes():
        try:
            if any(part in word for word in process.cmdline()):
                return _kill(process, name)
        except psutil.Error:
            continue
    return ""


def _broker(scene: Scene, _: int, *, by_force: bool) -> str:
    server = scene.broker.server
    if server is None:
        return _marked(scene, "the embedded server", "valkey-server")
    pid = server.pid
    if by_force:
        server.kill()
    else:
        server.stop()
    server.start()
    return f"the broker (process {pid}) was gone, and runs again"


def _cut(scene: Scene, _: int) -> str:
    count = scene.broker.proxy.cut() if scene.broker.proxy else 0
    return f"{count} connections were reset" if count else ""


def _stall(scene: Scene, _: int) -> str:
    proxy = scene.broker.proxy
    if proxy is None:
        return ""
    before = proxy.blocked
    proxy.stall_all()
    time.sleep(_STALL_SECONDS)
    held = proxy.blocked - before
    proxy.resume()
    return f"{held} bytes were held up for {_STALL_SECONDS:g} s" if held else ""


def _kill(process: psutil.Process | None, name: str) -> str:
    if process is None:
        return ""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return ""
    gone = processes.until(lambda: not processes.alive(process), PATIENCE)
    return f"{name} (process {process.pid}) is gone" if gone else ""


_ACTIONS: Final[dict[Fault, Callable[[Scene, int], str]]] = {
    Fault.WORKER: _worker,
    Fault.CHILD: _child,
    Fault.SUPERVISOR: _supervisor,
    Fault.KEEPER: lambda scene, _: _marked(scene, "the keeper", "allotment.local.keeper"),
    Fault.BROKER_KILLED: partial(_broker, by_force=True),
    Fault.BROKER_STOPPED: partial(_broker, by_force=False),
    Fault.CUT: _cut,
    Fault.STALL: _stall,
}
