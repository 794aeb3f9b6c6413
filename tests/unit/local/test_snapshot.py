"""The fleet file as it was proved, whatever becomes of it afterwards."""

from pathlib import Path

import pytest

from allotment.errors import SnapshotUnusable
from allotment.local.snapshot import Snapshot, forget_others, given_snapshot, read_snapshot
from allotment.local.state import StateFolder
from allotment.local.variables import SNAPSHOT
from allotment.model.inventory import Inventory
from allotment.model.task import KnownTask
from allotment.source.fleet_file import read_fleet_file

FLEET = """
include: [more/tasks.yaml]
broker: ${BROKER_URL:-embedded}
profiles: {one: {queues: [work]}}
"""
TASKS = "tasks:\n  shop.pay: {queue: work}\n"
INVENTORY = Inventory((KnownTask("shop.pay"),), {"shop.pay": None}, {})


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BROKER_URL", raising=False)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "tasks.yaml").write_text(TASKS)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return Path("fleet.yaml")


def kept(fleet: Path) -> Path:
    snapshot = Snapshot.of(read_fleet_file(fleet), INVENTORY)
    return snapshot.keep(StateFolder.of(fleet), "node-1")


def test_it_is_read_as_the_file_was(fleet: Path) -> None:
    before = read_fleet_file(fleet)
    path = kept(fleet)
    fleet.write_text("{")
    Path("more/tasks.yaml").unlink()
    found = read_snapshot(path)
    after = found.file()
    assert after.model == before.model
    assert after.path == before.path == fleet.resolve()
    assert after.document.texts == before.document.texts
    assert after.document.where(("tasks", "shop.pay")) == before.document.where(("tasks", "shop.pay"))
    assert found.inventory == INVENTORY


def test_it_holds_references_and_not_what_they_stand_for(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "amqp://user:canary@host//")
    path = kept(fleet)
    assert "canary" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "canary" in (read_snapshot(path).file().model.broker or pytest.fail("no broker")).value


def test_a_worker_is_given_it_by_a_variable(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert given_snapshot() is None
    monkeypatch.setenv(SNAPSHOT, str(kept(fleet)))
    found = given_snapshot()
    assert found is not None
    assert found.inventory == INVENTORY
    assert given_snapshot() is None, "what the worker starts is not given it"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"path": 1, "named": "", "texts": {}, "inventory": "{}"}'])
def test_one_that_is_damaged_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(SnapshotUnusable):
        read_snapshot(tmp_path / "plan.json")


def test_older_ones_are_forgotten_and_those_of_others_are_not(fleet: Path) -> None:
    state = StateFolder.of(fleet)
    first = kept(fleet)
    of_another = Snapshot.of(read_fleet_file(fleet), INVENTORY).keep(state, "node-1-b")
    fleet.write_text(FLEET + "default_queue: work\n")
    second = kept(fleet)
    assert first != second
    forget_others(second)
    assert not first.exists()
    assert second.exists()
    assert of_another.exists()
