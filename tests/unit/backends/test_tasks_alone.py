"""The fleet of tasks that have no file: queues, lanes that do not depend on what else is known, and names."""

from collections.abc import Sequence
from itertools import combinations

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


OWNED, GUEST, LATER = KnownTask("own"), KnownTask("guest", app_queue="own"), KnownTask("later", app_queue="own")
ODD = KnownTask("weird name/ü[1]*", app_queue="files")


def lanes(tasks: Sequence[KnownTask], *, complete: bool) -> dict[str, str]:
    plan = compile_plan(fleet_of_tasks(tasks), tasks, complete=complete)
    return {name: plan.lane(name).name for name in plan.tasks}


@pytest.mark.parametrize("every", [(EXTRACT, LOAD, MAIL, ODD), (OWNED, GUEST, LATER, EXTRACT)])
def test_where_a_task_goes_does_not_depend_on_what_else_is_known(every: Sequence[KnownTask]) -> None:
    all_known = lanes(every, complete=True)
    assert len(set(all_known.values())) == len(every), "each has a lane of its own"
    for count in range(1, len(every) + 1):
        for known in combinations(every, count):
            expected = {task.name: all_known[task.name] for task in known}
            assert lanes(known, complete=True) == expected, "a worker's"
            assert lanes(known, complete=False) == expected, "a program's"


def test_the_only_task_of_a_queue_has_a_lane_beside_the_intake() -> None:
    plan = compile_plan(fleet_of_tasks([EXTRACT]), [EXTRACT])
    assert [lane.name for lane in plan.queues["files"].lanes] == ["files", "files:shop.extract"]


def test_a_name_with_a_pattern_s_signs_is_that_task_s_alone() -> None:
    tasks = [KnownTask("a*", app_queue="files"), KnownTask("ab", app_queue="files"), KnownTask("a[b]*")]
    plan = compile_plan(fleet_of_tasks(tasks), tasks)
    assert prove(plan).holds
    for task in tasks:
        assert len(plan.capability.names(plan.tasks[task.name].able)) == 1, task
        assert plan.tasks[task.name].queue == queue_of(task)


def test_a_name_that_no_queue_may_have_leads_to_one_that_differs_for_each() -> None:
    names = ["mod:run", "mod_run", "x" * 200, "x" * 201]
    queues = [queue_of(KnownTask(name)) for name in names]
    assert len(set(queues)) == len(names)
    assert [queue_name(queue) for queue in queues] == queues
    assert queues[1] == "mod_run"


def test_a_queue_of_the_app_that_lanes_cannot_be_named_after_is_told_with_the_task() -> None:
    with pytest.raises(AppUnusable, match=r"'shop.extract'.*'a:b'"):
        fleet_of_tasks([KnownTask("shop.extract", app_queue="a:b")])
