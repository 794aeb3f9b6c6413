"""Which lanes a choice of tasks leads to: never one that another task may be sent to."""

from collections.abc import Sequence
from itertools import combinations

import pytest

from allotment.backends.alone import fleet_of_tasks
from allotment.backends.consuming import consumed_lanes
from allotment.backends.request import WorkerRequest
from allotment.errors import SelectionInvalid
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.task import KnownTask, TaskEntry, ZoneRule
from allotment.plan.plan import Plan, compile_plan

TASKS = (
    KnownTask("extract", app_queue="files"),
    KnownTask("load", app_queue="files"),
    KnownTask("mail"),
    KnownTask("only", app_queue="own"),
)
ALONE = compile_plan(fleet_of_tasks(TASKS), TASKS)


def lanes(plan: Plan, tasks: Sequence[str], request: WorkerRequest | None = None, zone: str | None = None) -> set[str]:
    found = consumed_lanes(plan, tuple(tasks), request or WorkerRequest(), zone)
    assert len(set(found)) == len(found)
    return set(found)


def test_each_task_alone_has_a_lane_and_a_shared_queue_s_plain_name_is_its_intake() -> None:
    assert lanes(ALONE, ["mail"]) == {"mail"}
    assert lanes(ALONE, ["extract"]) == {"files", "files:extract"}
    assert lanes(ALONE, ["only"]) == {"own", "own:only"}
    assert lanes(ALONE, ["extract", "load"]) == {"files", "files:extract", "files:load"}


def test_every_choice_of_tasks_alone_is_a_union_of_lanes_and_only_of_their_own() -> None:
    names = [task.name for task in TASKS]
    for count in range(1, len(names) + 1):
        for chosen in combinations(names, count):
            consumed = lanes(ALONE, chosen)
            sent = {name: ALONE.lane(name).name for name in names}
            assert {name for name, lane in sent.items() if lane in consumed} == set(chosen)


def fleet(**profiles: tuple[str, ...]) -> Plan:
    """Make a plan in which each profile registers these tasks from the queue work."""
    names = {task for tasks in profiles.values() for task in tasks}
    model = FleetModel(profiles={name: Profile(name, ("work",), tasks=tasks) for name, tasks in profiles.items()})
    return compile_plan(model, [KnownTask(name) for name in sorted(names)])


def test_a_lane_that_other_tasks_share_is_refused_with_its_name_and_theirs() -> None:
    plan = fleet(left=("a", "b"), right=("c",))
    with pytest.raises(SelectionInvalid) as caught:
        lanes(plan, ["a"])
    assert "'work:left'" in caught.value.message
    assert "shares it with b" in caught.value.message
    assert lanes(plan, ["a", "b"]) == {"work", "work:left"}


def test_an_intake_that_tasks_of_others_are_sent_to_is_left_to_them() -> None:
    plan = fleet(left=("a", "both"), right=("c", "both"))
    assert plan.lane("both").name == "work"
    assert lanes(plan, ["a"]) == {"work:left"}
    assert lanes(plan, ["a", "both"]) == {"work", "work:left"}


def test_only_the_queues_that_were_chosen_are_consumed() -> None:
    model = FleetModel(
        profiles={"one": Profile("one", ("work", "extra"), tasks=("a",))}, entries=(TaskEntry("a", "work"),)
    )
    plan = compile_plan(model, [KnownTask("a")])
    assert lanes(plan, ["a"]) == {"work", "extra"}
    assert lanes(plan, ["a"], WorkerRequest(queues=("extra",))) == {"extra"}


def test_a_task_that_stays_in_its_zone_is_consumed_in_that_of_the_worker() -> None:
    model = FleetModel(
        profiles={"one": Profile("one", ("work",), tasks=("a",))},
        entries=(TaskEntry("a", "work", zone=ZoneRule.SAME),),
        nodes={"north": Node("north", {"one": 1}, zone="eu"), "south": Node("south", {"one": 1}, zone="us")},
    )
    plan = compile_plan(model, [KnownTask("a")])
    assert lanes(plan, ["a"], zone="eu") == {"work", "work@eu"}
    assert lanes(plan, ["a"], zone=None) == {"work"}
    assert lanes(plan, ["a"], zone="elsewhere") == {"work"}
