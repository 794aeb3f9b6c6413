"""What a change of the plan means for workers that run."""

from collections.abc import Mapping
from dataclasses import replace

from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.difference import abandoned_lanes, places, works_differently
from allotment.plan.placement import Worker
from allotment.plan.plan import Plan, compile_plan

TASKS = (KnownTask("a.one"), KnownTask("b.two"))


def model(**changed: object) -> FleetModel:
    """Make a fleet of two profiles on one queue, each with tasks of its own."""
    found = FleetModel(
        profiles={
            "left": Profile("left", ("work",), tasks=("a.*",), concurrency=1),
            "right": Profile("right", ("work",), tasks=("b.*",), concurrency=1),
        },
        nodes={"here": Node("here", {"left": 2, "right": 1})},
        default_queue="work",
    )
    return replace(found, **changed)


def plan(**changed: object) -> Plan:
    return compile_plan(model(**changed), TASKS)


def changing(new: Plan) -> set[str]:
    """Give the workers of the usual plan that a new one changes."""
    old = plan()
    return {worker.name for worker in old.workers if works_differently(worker, old, new)}


def profiles(**changed: Profile) -> Mapping[str, Profile]:
    return {**model().profiles, **changed}


ALL = {"left-1@here", "left-2@here", "right-1@here"}


def test_the_same_plan_changes_nobody() -> None:
    assert changing(plan()) == set()


def test_more_or_fewer_workers_change_nobody_else() -> None:
    assert changing(plan(nodes={"here": Node("here", {"left": 5, "right": 1})})) == set()


def test_a_profile_changes_its_own_workers() -> None:
    left = model().profiles["left"]
    assert changing(plan(profiles=profiles(left=replace(left, concurrency=4)))) == {"left-1@here", "left-2@here"}
    assert changing(plan(profiles=profiles(left=replace(left, about="words")))) == set()


def test_lanes_that_change_concern_all_as_all_send() -> None:
    left = model().profiles["left"]
    assert changing(plan(profiles=profiles(left=replace(left, tasks=("a.*", "b.*"))))) == ALL
    assert changing(plan(entries=(TaskEntry("a.one", queue="other"),))) == ALL
    assert changing(plan(settings={"task_track_started": True})) == ALL


def test_tasks_that_the_app_has_besides_concern_all() -> None:
    assert changing(compile_plan(model(), (*TASKS, KnownTask("a.three")))) == ALL


def test_cores_of_a_node_concern_workers_that_take_their_number_from_them() -> None:
    left = replace(model().profiles["left"], concurrency=None)
    old = plan(profiles=profiles(left=left), nodes={"here": Node("here", {"left": 1, "right": 1}, cpu=8)})
    new = plan(profiles=profiles(left=left), nodes={"here": Node("here", {"left": 1, "right": 1}, cpu=9)})
    assert [one.name for one in old.workers if works_differently(one, old, new)] == ["left-1@here"]


def test_lanes_that_nobody_takes_from_any_more() -> None:
    old = plan()
    taken = {lane for worker in old.workers for lane in worker.consumes}
    assert taken == {"work", "work:left", "work:right"}
    assert abandoned_lanes(taken, plan()) == ()
    assert abandoned_lanes(taken, plan(nodes={"here": Node("here", {"right": 1})})) == ("work:left", "work:right")


def worker(index: int, profile: str = "left", node: str = "here") -> Worker:
    return Worker(profile, node, index, (), 1)


def named(workers: tuple[Worker, ...]) -> list[str]:
    return [one.name for one in workers]


def test_the_idle_are_ended_first_and_names_may_have_gaps() -> None:
    tasks = {"left-1@here": 0, "left-2@here": 3, "left-3@here": 0, "left-4@here": 1}
    running = [worker(index) for index in range(1, 5)]
    ending, starting = places(running, [worker(1), worker(2)], tasks.__getitem__)
    assert named(ending) == ["left-3@here", "left-1@here"]
    assert starting == ()


def test_those_that_do_not_run_are_ended_before_the_idle() -> None:
    tasks = {"left-1@here": 0, "left-2@here": -1}
    ending, _ = places([worker(1), worker(2)], [worker(1)], tasks.__getitem__)
    assert named(ending) == ["left-2@here"]


def test_new_ones_get_the_first_free_numbers() -> None:
    ending, starting = places([worker(2), worker(5)], [worker(index) for index in range(1, 5)], lambda _: 0)
    assert ending == ()
    assert named(starting) == ["left-1@here", "left-3@here"]


def test_profiles_and_nodes_are_counted_apart() -> None:
    running = [worker(1), worker(1, "right"), worker(1, node="there")]
    wanted = [worker(1), worker(1, "right"), worker(2, "right"), worker(1, "right", "there")]
    ending, starting = places(running, wanted, lambda _: 0)
    assert named(ending) == ["left-1@there"]
    assert named(starting) == ["right-2@here", "right-1@there"]
