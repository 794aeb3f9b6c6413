"""Somebody's own fleet is run as its file says, but with the harness's broker and ledger."""

import ast
from pathlib import Path

import pytest

from allotment.errors import UnknownName
from allotment.model.task import KnownTask
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.faults.breaking import possible_faults
from allotment.testing.faults.brokers import BROKERS
from allotment.testing.faults.schedule import Fault
from allotment.testing.faults.users_fleet import UsersFleet

FLEET = """\
app: shop.app:app
broker: amqp://guest:secret@rabbit.example//
results: redis://redis.example/0
default_queue: orders
include: {include}
profiles:
  counting: {{queues: [orders], pool: {pool}, time_limit: 1m}}
"""


def _written(folder: Path, *, include: str = "[]", pool: str = "prefork") -> Path:
    (folder / "more.yaml").write_text("queues:\n  more: {}\n")
    file = folder / "fleet.yaml"
    file.write_text(FLEET.format(include=include, pool=pool))
    return file


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    return theirs, ours


def test_the_file_is_as_theirs_but_for_its_app_and_addresses(folders: tuple[Path, Path]) -> None:
    theirs, ours = folders
    file = _written(theirs)
    before = file.read_text()
    UsersFleet(file, "redis://127.0.0.1:1234/0", "redis://127.0.0.1:1234/1").write(ours / "fleet.yaml")
    old, new = read_fleet_file(file).model, read_fleet_file(ours / "fleet.yaml").model
    assert (new.app, new.profiles, new.default_queue) == ("allotment_faults_app:app", old.profiles, old.default_queue)
    text = (ours / "fleet.yaml").read_text()
    assert "redis://127.0.0.1:1234/0" in text
    assert "example" not in text, "nothing goes to their broker"
    assert file.read_text() == before


def test_their_app_is_imported_from_where_it_lies_and_keeps_a_ledger(folders: tuple[Path, Path]) -> None:
    theirs, ours = folders
    UsersFleet(_written(theirs), "embedded", "embedded").write(ours / "fleet.yaml")
    module = ast.parse((ours / "allotment_faults_app.py").read_text())
    calls = [ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Call)]
    assert f"import_app('shop.app:app', Path({str(theirs)!r}))" in calls
    assert "record_tasks()" in calls


def test_what_the_file_includes_is_found_from_elsewhere_too(folders: tuple[Path, Path]) -> None:
    theirs, ours = folders
    UsersFleet(_written(theirs, include="[more.yaml]"), "embedded", "embedded").write(ours / "fleet.yaml")
    assert "more" in read_fleet_file(ours / "fleet.yaml").model.queues


def test_a_file_without_an_app_is_refused(tmp_path: Path) -> None:
    file = _written(tmp_path)
    file.write_text(file.read_text().replace("app: shop.app:app\n", ""))
    with pytest.raises(UnknownName, match="names no app"):
        UsersFleet(file, "embedded", "embedded")


def _plan(folder: Path, pool: str) -> Plan:
    return compile_plan(read_fleet_file(_written(folder, pool=pool)).model, [KnownTask("shop.add")])


@pytest.mark.parametrize(("pool", "possible"), [("prefork", True), ("threads", False), ("solo", False)])
def test_a_pool_process_is_killed_only_where_there_is_one(tmp_path: Path, pool: str, possible: bool) -> None:
    assert (Fault.CHILD in possible_faults(BROKERS["embedded"](), _plan(tmp_path, pool))) is possible


def test_a_broker_without_a_network_is_not_cut_off(tmp_path: Path) -> None:
    faults = possible_faults(BROKERS["embedded"](), _plan(tmp_path, "prefork"))
    assert not {Fault.CUT, Fault.STALL, Fault.BROKER_STOPPED} & set(faults)
    assert {Fault.KEEPER, Fault.BROKER_KILLED, Fault.WORKER, Fault.SUPERVISOR} <= set(faults)
