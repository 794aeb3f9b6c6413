"""How each fault of a soak is brought about. What was seen of it is said in words; none: it did not land."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import psutil

from allotment.model.profile import Pool
from allotment.plan.plan import Plan
from allotment.testing.faults import processes
from allotment.testing.faults.brokers import FaultBroker
from allotment.testing.faults.scene import PATIENCE, Scene
from allotment.testing.faults.schedule import Fault, Planned

_STALL_SECONDS: Final = 6.0
_VICTIM_SECONDS: Final = 10.0
"""The longest to wait for what is to be broken, which may be on its way back from the fault before."""


def possible_faults(broker: FaultBroker, plan: Plan) -> tuple[Fault, ...]:
    """Give the faults that can be brought about on a broker, with the workers of a plan."""
    found = [Fault.WORKER, Fault.SUPERVISOR]
    if any(plan.model.profiles[worker.profile].pool is Pool.PREFORK for worker in plan.workers):
        found.append(Fault.CHILD)
    if broker.server is not None:
        found += [Fault.BROKER_KILLED, Fault.BROKER_STOPPED]
    else:
        found += [Fault.KEEPER, Fault.BROKER_KILLED]
    if broker.proxy is not None:
        found += [Fault.CUT, Fault.STALL]
    return tuple(fault for fault in Fault if fault in found)


def bring_about(scene: Scene, planned: Planned) -> str:
    """Bring a fault about, heal it, and say what was seen of it; nothing where it did not land."""
    return _ACTIONS[planned.fault](scene, planned.victim)


def _worker(scene: Scene, victim: int) -> str:
    workers = scene.plan.workers
    name = workers[victim % len(workers)].name
    return _kill(lambda: [found] if (found := scene.fleet.worker(name)) else [], name)


def _child(scene: Scene, victim: int) -> str:
    def children() -> list[psutil.Process]:
        workers = [scene.fleet.worker(worker.name) for worker in scene.plan.workers]
        return [child for worker in workers if worker for child in processes.children(worker)]

    return _kill(children, "a pool process", victim)


def _supervisor(scene: Scene, _: int) -> str:
    supervisor = scene.fleet.supervisor
    if supervisor is None or not processes.alive(supervisor):
        return ""
    workers = [scene.fleet.worker(worker.name) for worker in scene.plan.workers]
    scene.fleet.kill_supervisor()
    processes.left([one for one in workers if one], PATIENCE)
    scene.fleet.start()
    return f"the supervisor (process {supervisor.pid}) is gone, and another runs"


def _keeper(scene: Scene, _: int) -> str:
    return _kill(lambda: [one for one in scene.processes() if processes.keeps(one)], "the keeper")


def _broker(scene: Scene, _: int, *, by_force: bool) -> str:
    server = scene.broker.server
    if server is None:
        return _kill(lambda: [one for one in scene.processes() if processes.serves(one)], "the embedded server")
    process = psutil.Process(server.pid)
    if by_force:
        server.kill()
    else:
        server.stop()
    gone = not processes.alive(process)
    server.start()
    return f"the broker (process {process.pid}) was gone, and runs again" if gone else ""


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


def _kill(victims: Callable[[], Sequence[psutil.Process]], name: str, victim: int = 0) -> str:
    """SIGKILL one of those who are there, and see that it is gone."""
    processes.until(lambda: bool(victims()), _VICTIM_SECONDS)
    found = victims()
    if not found:
        return ""
    process = found[victim % len(found)]
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
    Fault.KEEPER: _keeper,
    Fault.BROKER_KILLED: partial(_broker, by_force=True),
    Fault.BROKER_STOPPED: partial(_broker, by_force=False),
    Fault.CUT: _cut,
    Fault.STALL: _stall,
}
