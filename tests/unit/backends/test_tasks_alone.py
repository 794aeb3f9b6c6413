"""The fleet of tasks that have no file: queues, lanes that do not depend on what else is known, and names."""

import pytest

from allotment.backends.alone import fleet_of_tasks, queue_of
from allotment.errors import AppUnusable
from allotment.model.names import queue_name
from allotment.model.task import KnownTask
from allotment.plan.plan import compile_plan
from allotment.plan.proof import prove

EXTRACT, LOAD, MAIL = (
    KnownTask("shop.extract", app_queue="files"),
    KnownTask("shop.load", app_queue="files"),
    KnownTask("mail"),
)


def test_it_is_proved_and_each_task_has_a_lane_of_its_own() -> None:
    plan = compile_plan(fleet_of_tasks([EXTRACT, LOAD, MAIL]), [EXTRACT, LOAD, MAIL])
    assert prove(plan).holds
    assert {name: plan.lane(name).name for name in plan.tasks} == {
        "shop.extract": "files:shop.extract",
        "shop.load": "files:shop.load",
        "mail": "mail",
    }


def test_a_program_that_knows_fewer_tasks_sends_to_a_name_that_workers_consume() -> None:
    worker = compile_plan(fleet_of_tasks([EXTRACT, LOAD, MAIL]), [EXTRACT, LOAD, MAIL])
    program = compile_plan(fleet_of_tasks([EXTRACT]), [EXTRACT], complete=False)
    assert program.lane("shop.extract").name == "files"
    assert "files" in worker.lanes


def test_a_name_that_no_queue_may_have_leads_to_one_that_differs_for_each() -> None:
    names = ["mod:run", "mod_run", "x" * 200, "x" * 201]
    queues = [queue_of(KnownTask(name)) for name in names]
    assert len(set(queues)) == len(names)
    assert [queue_name(queue) for queue in queues] == queues
    assert queues[1] == "mod_run"


def test_a_queue_of_the_app_that_lanes_cannot_be_named_after_is_told_with_the_task() -> None:
    with pytest.raises(AppUnusable, match=r"'shop.extract'.*'a:b'"):
        fleet_of_tasks([KnownTask("shop.extract", app_queue="a:b")])
