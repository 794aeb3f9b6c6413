"""A soak from beginning to end: servers, fleet, faults, verdict, and everything cleared away."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from allotment.errors import UnknownName
from allotment.model.names import did_you_mean
from allotment.testing.brokers import BrokerServerError
from allotment.testing.faults.breaking import possible_faults
from allotment.testing.faults.brokers import BROKERS
from allotment.testing.faults.gathering import left_behind
from allotment.testing.faults.scene import STEPS, Scene
from allotment.testing.faults.schedule import Planned, schedule
from allotment.testing.faults.soak import soak
from allotment.testing.faults.soaked import Happened, Soaked
from allotment.testing.faults.users_fleet import UsersFleet


@dataclass(frozen=True)
class SoakOrder:
    """What to do: for how many seconds, from which seed, at how many tasks a second.

    `fleet_file` None: the harness's own fleet, else this one, to which `tasks` are sent in turn with `args`. `keep` is
    a folder in which the fleet's folder stays.
    """

    seconds: float
    seed: int
    rate: float
    fleet_file: Path | None = None
    tasks: tuple[str, ...] = ()
    args: tuple[object, ...] = ()
    without: tuple[str, ...] = ()
    keep: Path | None = None


def soak_on(
    broker: str,
    order: SoakOrder,
    begin: Callable[[Sequence[Planned]], None],
    tell: Callable[[Happened | str], None],
) -> Soaked:
    """Soak a fleet on a broker. `begin` is told the schedule once the fleet runs, `tell` what happens.

    Raises BrokerServerError where the broker cannot be run here, UnknownName for a task that the fleet has not.
    """
    reason = BROKERS[broker].unavailable()
    if reason:
        raise BrokerServerError(reason)
    folder = Path(tempfile.mkdtemp(prefix="allotment-soak-", dir=order.keep))
    try:
        with BROKERS[broker]() as server:
            fleet = UsersFleet(order.fleet_file, *server.addresses) if order.fleet_file else None
            scene = Scene(server, folder, without=order.without, fleet=fleet)
            try:
                with scene:
                    _refuse_unknown(order.tasks, scene)
                    planned = schedule(order.seed, order.seconds, possible_faults(server, scene.plan))
                    begin(planned)
                    tasks = order.tasks or STEPS
                    soaked = soak(
                        scene, planned, tell, seconds=order.seconds, rate=order.rate, tasks=tasks, args=order.args
                    )
            finally:
                orphans = left_behind(scene)
            verdict = replace(soaked.verdict, orphans=(*soaked.verdict.orphans, *orphans))
            return replace(soaked, verdict=verdict)
    finally:
        if order.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _refuse_unknown(tasks: Sequence[str], scene: Scene) -> None:
    for task in tasks:
        if task not in scene.plan.tasks:
            raise UnknownName(f"the fleet has no task {task!r}", hint=did_you_mean(task, scene.plan.tasks))
