"""A soak from beginning to end."""

import pytest

from allotment.errors import UnknownName
from allotment.testing.brokers import RedisServer, ValkeyServer
from allotment.testing.faults.schedule import Planned
from allotment.testing.faults.soaked import Happened
from allotment.testing.faults.soaking import SoakOrder, soak_on
from allotment.testing.fixtures import require

SECONDS = 24.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_soak_passes_with_each_of_its_faults_told() -> None:
    require(RedisServer)
    planned: list[Planned] = []
    told: list[Happened | str] = []
    soaked = soak_on("redis", SoakOrder(SECONDS, seed=7, rate=50.0), planned.extend, told.append)
    assert soaked.passed, soaked
    assert planned
    assert [one.planned for one in soaked.happened] == planned
    assert {one.planned for one in told if isinstance(one, Happened)} == set(planned)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_task_that_the_fleet_has_not_is_refused() -> None:
    require(ValkeyServer)
    with pytest.raises(UnknownName, match=r"left\.stp"):
        soak_on("embedded", SoakOrder(SECONDS, seed=1, rate=50.0, tasks=("left.stp",)), _never, _never)


def _never(_: object) -> None:
    raise AssertionError("nothing may begin")
