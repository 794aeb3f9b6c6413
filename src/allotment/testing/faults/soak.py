"""A soak: a steady stream of tasks for a long time, and one fault after the other from a seed."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from allotment.testing.faults.breaking import bring_about
from allotment.testing.faults.gathering import drain, gather
from allotment.testing.faults.oracle import judge
from allotment.testing.faults.scene import PATIENCE, STEPS, Scene
from allotment.testing.faults.schedule import Planned
from allotment.testing.faults.soaked import Happened, Recoveries, Soaked

_DRAIN_SECONDS: Final = 300.0
_LOOK: Final = 0.5

Tell = Callable[[Happened | str], None]


def soak(
    scene: Scene,
    planned: Sequence[Planned],
    tell: Tell,
    *,
    seconds: float,
    rate: float,
    tasks: Sequence[str] = STEPS,
    args: Sequence[object] = (),
) -> Soaked:
    """Send `rate` tasks a second for so many seconds, and bring about what is planned; then wait for everything.

    The stream goes on for up to a minute more, until the fleet has recovered from the last fault. `tell` is told each
    fault, once it is known whether it landed and the fleet recovered, and in a line how things stand.
    KeyboardInterrupt ends the faults and the stream early.
    """
    began = time.monotonic()
    stream = scene.send(*tasks, args=list(args), count=None, rate=rate, threads=4)
    course = _Course(scene, Recoveries(tasks), tell)
    interrupted = False
    try:
        for one in planned:
            course.go_on_until(began + one.at)
            course.bring_about(one)
        course.go_on_until(began + seconds)
    except KeyboardInterrupt:
        interrupted = True
    if scene.broker.proxy is not None:
        scene.broker.proxy.resume()
    course.recover()
    stream.stop()
    scene.ended(stream, _DRAIN_SECONDS)
    tell("draining")
    drained = drain(scene, _DRAIN_SECONDS)
    return Soaked(
        verdict=judge(gather(scene)),
        happened=course.happened,
        checks=tuple(scene.checks),
        refused=len(scene.refused),
        drained=drained.left,
        seconds=time.monotonic() - began,
        interrupted=interrupted,
    )


class _Course:
    """What happens from the first message to the last, as it is told."""

    def __init__(self, scene: Scene, recoveries: Recoveries, tell: Tell) -> None:
        self._scene = scene
        self._recoveries = recoveries
        self._tell = tell
        self._completed = 0

    @property
    def happened(self) -> tuple[Happened, ...]:
        """The faults so far."""
        return self._recoveries.happened

    def go_on_until(self, moment: float) -> None:
        """Let time pass up to a moment of the monotonic clock, and look on."""
        while (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))
            self._look()

    def bring_about(self, planned: Planned) -> None:
        """Bring a fault about."""
        began = time.time()
        seen = bring_about(self._scene, planned)
        one = Happened(planned, bool(seen), seen or "nothing was there to be broken")
        self._recoveries.happens(one, began, time.time())
        if not one.landed:
            self._tell(one)

    def recover(self) -> None:
        """Wait until the fleet has recovered from every fault, and tell those from which it does not."""
        deadline = time.monotonic() + PATIENCE
        while not self._recoveries.complete and time.monotonic() < deadline:
            self.go_on_until(time.monotonic() + _LOOK)
        for one in self.happened:
            if one.landed and one.recovered is None:
                self._tell(one)

    def _look(self) -> None:
        ledger = self._scene.ledger.read()
        for one in self._recoveries.saw(ledger.completed[self._completed :]):
            self._tell(one)
        self._completed = len(ledger.completed)
        journal = self._scene.journal.read()
        confirmed, refused = len(journal.confirmed), len(journal.refused)
        self._tell(f"{confirmed} confirmed, {len(ledger.finished)} done, {refused} refused")
