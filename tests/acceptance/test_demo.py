"""The six topologies on every broker, as a user runs them."""

from pathlib import Path

import pytest
from acceptance.conftest import Done, allot

from allotment.testing.fixtures import FIXTURES

NAMES = ["basic", "specialized", "priority", "load-balancing", "mixed", "mixed-shared"]


def all_did(done: Done, broker: str) -> None:
    """Check that each topology finished and that each task ran where the drawing says it may."""
    assert done.code == 0, done
    document = done.document
    assert [topology["name"] for topology in document] == NAMES
    for topology in document:
        assert topology["broker"] == broker
        assert (topology["workflows"], topology["finished"]) == (20, 20), topology["name"]
        for row in topology["tasks"]:
            assert set(row["observed"]) <= set(row["predicted"]), (topology["name"], row)
            assert sum(row["observed"].values()) == 20
        assert all(check["holds"] for check in topology["checks"]), topology["checks"]
    rows = {topology["name"]: {row["task"]: set(row["observed"]) for row in topology["tasks"]} for topology in document}
    assert rows["specialized"] == {"A": {"special-1@node-1"}, "B": {"special-1@node-1"}} | {
        task: {"ordinary-1@node-2"} for task in "CDE"
    }
    assert rows["priority"] == {task: {"high-1@node-1"} for task in "ABCDE"}
    assert rows["mixed"] == {task: {"first-1@node-1"} for task in "ABC"} | {task: {"second-1@node-2"} for task in "DE"}
    assert all(rows["mixed-shared"][task] == {"second-1@node-2"} for task in "DE")


@pytest.mark.timeout(300)
def test_on_the_embedded_broker(tmp_path: Path) -> None:
    all_did(allot("demo", "--json", folder=tmp_path, timeout=280), "embedded")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["rabbitmq", "redis"])
def test_on_a_broker_of_its_own(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(FIXTURES[name])
    done = allot("demo", "--json", "--broker", server.url, folder=tmp_path, timeout=280)
    all_did(done, server.url.replace("guest:guest@", ""))


@pytest.mark.timeout(120)
def test_plain_celery_loses_what_the_lanes_keep(tmp_path: Path) -> None:
    done = allot("demo", "specialized", "--plain", "--json", folder=tmp_path)
    [topology] = done.document
    assert topology["finished"] == 20
    assert topology["plain"]["workflows"] == 20
    assert topology["plain"]["finished"] <= 8, "each of five messages meets the wrong worker half the time"
