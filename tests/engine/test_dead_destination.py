"""Where a message that was set aside would go today."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery import Celery

from allotment.engine.dead.destination import Refusal, Terms, destination
from allotment.engine.dead.reading import dead_letter
from allotment.engine.installation import install
from allotment.model.dead_letter import StoredMessage
from allotment.model.task import KnownTask
from allotment.source.fleet_file import read_fleet_file

FLEET = """
app: shop:app
broker: redis://127.0.0.1:1
default_queue: common
tasks:
  shop.paint: {queue: colours}
  shop.near: {queue: common, zone: same}
  "shop.anywhere": {queue: nobody}
profiles:
  painter: {tasks: [shop.paint, shop.near], queues: [colours, common]}
  builder: {tasks: [shop.build, shop.near], queues: [common, walls]}
queues: {nobody: {}}
nodes:
  one: {zone: east, workers: {painter: 1, builder: 1}}
  two: {zone: west, workers: {painter: 1, builder: 1}}
"""
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path) -> Celery:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    made = Celery("shop", set_as_current=False)
    names = ("shop.paint", "shop.near", "shop.build", "shop.anywhere")
    install(read_fleet_file(tmp_path / "fleet.yaml"), made, tuple(KnownTask(name) for name in names))
    return made


def place(
    app: Celery, task: str | None, queue: str, body: object = ((), {}, {}), to: str | None = None, **headers: object
):
    """Give the lane a message goes to, or why it stays."""
    ignore = bool(headers.pop("ignore_expiry", False))
    why = {"reason": headers.pop("reason", "unknown-task"), "queue": queue, "exchange": ""}
    said = {**({"task": task, "id": "1"} if task else {}), "allotment_dead": why, **headers}
    message = StoredMessage(json.dumps(body).encode(), "d", said, {}, "application/json")
    found = destination(app, message, dead_letter(message), Terms(to, ignore_expiry=ignore), NOW)
    return found.why if isinstance(found, Refusal) else found.name


def test_its_own_queue_comes_before_the_one_it_came_from(app: Celery) -> None:
    assert place(app, "shop.paint", "common") == "colours"


def test_the_queue_it_came_from_is_taken_where_its_own_has_no_worker_for_it(app: Celery) -> None:
    assert place(app, "shop.build", "gone") == "common:builder"
    assert "no worker" in place(app, "shop.anywhere", "walls")


def test_a_named_queue_comes_before_both(app: Celery) -> None:
    assert place(app, "shop.build", "common", to="walls") == "walls"
    assert "no worker that consumes the queue 'walls' can run 'shop.paint'" in place(app, "shop.paint", "x", to="walls")


def test_the_zone_of_its_lane_is_kept(app: Celery) -> None:
    assert place(app, "shop.near", "common@west") == "common@west"
    assert place(app, "shop.near", "common@east") == "common@east"
    assert place(app, "shop.near", "common") == "common"


def test_a_task_inside_a_map_decides(app: Celery) -> None:
    inner = {"task": "shop.paint", "args": [], "kwargs": {}, "options": {}}
    assert place(app, "celery.starmap", "common", [[], {"task": inner, "it": [[1]]}, {}]) == "colours"
    ghost = {**inner, "task": "shop.ghost"}
    assert "shop.ghost" in place(app, "celery.map", "common", [[], {"task": ghost, "it": [1]}, {}])


@pytest.mark.parametrize("body", [None, 5, "x", [], [1, 2], {"args": 1}, [[], {"task": 5}, {}], [[], [], []]])
def test_a_body_that_is_none_of_a_task_s_does_no_harm(app: Celery, body: object) -> None:
    assert place(app, "shop.paint", "common", body) == "colours"
    assert place(app, "celery.starmap", "common", body) == "common"


def test_what_a_worker_would_drop_stays(app: Celery) -> None:
    assert "--ignore-expiry" in place(app, "shop.paint", "x", expires="2029-12-31T23:00:00+00:00")
    assert "--ignore-expiry" in place(app, "shop.paint", "x", expires="soon")
    assert place(app, "shop.paint", "x", expires="2030-01-02T00:00:00+00:00") == "colours"
    assert place(app, "shop.paint", "x", expires="soon", ignore_expiry=True) == "colours"
    assert "ETA" in place(app, "shop.paint", "x", eta=5)


@pytest.mark.parametrize("date", ["", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_date_that_a_worker_cannot_go_by_is_told(app: Celery, date: str) -> None:
    assert "ETA is no date" in place(app, "shop.paint", "x", eta=date)
    assert "expiry is no date" in place(app, "shop.paint", "x", expires=date)


PAST, LATER = "2029-12-31T23:00:00+00:00", "2030-01-02T00:00:00+00:00"


def old(**said: object) -> dict[str, object]:
    return {"task": "shop.paint", "id": "1", "args": [], "kwargs": {}, **said}


def test_dates_in_a_body_count_as_those_in_headers(app: Celery) -> None:
    assert "--ignore-expiry" in place(app, "shop.paint", "x", old(expires=PAST))
    assert place(app, "shop.paint", "x", old(expires=PAST), ignore_expiry=True) == "colours"
    assert place(app, "shop.paint", "x", old(expires=PAST), expires=None) == "colours", "a header counts before"
    assert place(app, "shop.paint", "x", old(expires=LATER)) == "colours"
    assert "ETA" in place(app, "shop.paint", "x", old(eta=""))


def test_an_expiry_that_cannot_be_taken_off_is_told(app: Celery) -> None:
    """Protocol 1 says all in the body, which is sent as it is."""
    for ignore in (False, True):
        for date in (PAST, "soon"):
            why = place(app, None, "common", old(expires=date), ignore_expiry=ignore)
            assert "body" in why
            assert "--ignore-expiry" not in why
        assert place(app, None, "common", old(expires=LATER), ignore_expiry=ignore) == "colours"
    assert "ETA" in place(app, None, "common", old(eta="soon"))


def test_what_cannot_be_decoded_goes_only_where_it_is_told_to(app: Celery) -> None:
    assert "--to" in place(app, "shop.paint", "common", reason="undecodable")
    assert place(app, "shop.paint", "common", reason="undecodable", to="common") == "common"
    assert "no worker consumes" in place(app, "shop.paint", "common", reason="undecodable", to="nobody")


ROUTED = """
app: shop:app
broker: redis://127.0.0.1:1
default_queue: common
route_by_resource: {cpu: heavy, io: light, argument: kind}
profiles:
  every: {tasks: ["shop.*"], queues: [common, heavy, light]}
"""


def test_the_kind_of_work_among_its_arguments_counts_as_when_it_was_sent(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(ROUTED)
    app = Celery("shop", set_as_current=False)
    install(read_fleet_file(tmp_path / "fleet.yaml"), app, (KnownTask("shop.handle"),))
    assert place(app, "shop.handle", "common", [[], {"kind": "cpu"}, {}]) == "heavy"
    assert place(app, "shop.handle", "common", [[], {}, {}]) == "common"
    assert place(app, "shop.handle", "light", [[], {"kind": "no such kind"}, {}]) == "light"
