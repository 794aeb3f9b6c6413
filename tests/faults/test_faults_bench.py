"""The bench goes on whatever a case does, and tells of what is left of a fleet."""

import subprocess
import sys

import pytest

from allotment.testing.brokers import RedisServer, ValkeyServer
from allotment.testing.faults.bench import Bench
from allotment.testing.faults.brokers import FaultBroker
from allotment.testing.faults.case import Case
from allotment.testing.faults.outcome import Status
from allotment.testing.faults.scene import Scene
from allotment.testing.fixtures import require


def _sends(scene: Scene) -> None:
    """Three tasks of each kind, and no fault."""
    scene.sent(count=9)
    scene.landed("nothing broke")


def _sends_nothing(scene: Scene) -> None:
    """Nothing at all."""
    scene.landed("nothing broke")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_case_that_raises_is_broken_and_the_next_one_finds_a_broker_that_works() -> None:
    require(RedisServer)
    brokers: list[FaultBroker] = []

    def stalls(scene: Scene) -> None:
        """Hold everything up, and stumble."""
        brokers.append(scene.broker)
        assert scene.broker.proxy is not None
        scene.broker.proxy.stall_all()
        raise ValueError("not enough values to unpack")

    with Bench() as bench:
        raised = bench.run(Case("T1", "it raises", stalls), "redis")
        after = bench.run(Case("T2", "it does not", _sends), "redis")
        assert bench.finish() == ()
    assert raised.status is Status.BROKEN
    assert raised.note == "ValueError: not enough values to unpack"
    assert brokers[0].server is not None
    assert not brokers[0].server.running
    assert after.status is Status.KEPT, after


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_a_shared_fleet_leaves_behind_is_told() -> None:
    require(ValkeyServer)
    scenes: list[Scene] = []

    def sends(scene: Scene) -> None:
        """Send, and be seen."""
        scenes.append(scene)
        _sends(scene)

    with Bench() as bench:
        assert bench.run(Case("T1", "it sends", sends), "embedded").status is Status.KEPT
        nothing = bench.run(Case("T2", "it sends nothing", _sends_nothing), "embedded")
        assert nothing.status is Status.MISSED
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        with subprocess.Popen(command, env=scenes[0].environment) as left:
            try:
                (stop,) = bench.finish()
            finally:
                left.kill()
    assert (stop.number, stop.broker, stop.status) == ("stop", "embedded", Status.BROKEN)
    assert stop.verdict is not None
    assert [orphan.partition(" ")[0] for orphan in stop.verdict.orphans] == [str(left.pid)]
    assert not scenes[0].folder.exists()
