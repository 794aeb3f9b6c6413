"""The small drawing: every queue, lane and worker is in it."""

from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.task import KnownTask
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.sketch import sketch


def plan_of(*profiles: Profile, tasks: tuple[str, ...], **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    return compile_plan(FleetModel(by_name, **model), map(KnownTask, tasks))  # type: ignore[arg-type]


def test_a_worker_stands_on_the_line_of_each_lane_it_consumes() -> None:
    plan = plan_of(
        Profile("cpu", ("orders", "mail"), tasks=("image.*", "count.*")),
        Profile("gpu", ("orders",), tasks=("image.*", "train.*")),
        tasks=("image.resize", "count.words", "train.model"),
    )
    lines = sketch(plan).splitlines()
    for worker in plan.workers:
        for lane in worker.consumes:
            (line,) = [line for line in lines if worker.name in line and f" {lane} " in f" {line} "]
            assert all(task in line for task in plan.registered_by(worker.profile))
    assert sum(line.startswith("orders ") for line in lines) == 1
    assert sum(line.startswith("mail ") for line in lines) == 1


def test_a_queue_that_is_its_own_lane_is_not_named_twice() -> None:
    assert sketch(plan_of(Profile("p", ("mail",)), tasks=("t",))) == "mail ── p-1@local (t)"


def test_a_queue_that_nobody_consumes_says_so() -> None:
    plan = plan_of(Profile("p", ("q",)), Profile("idle", ("r",)), tasks=(), nodes={"n": Node("n", {"p": 1})})
    (line,) = [line for line in sketch(plan).splitlines() if line.startswith("r ")]
    assert "nobody" in line


def test_lanes_that_no_known_task_goes_to_are_not_drawn() -> None:
    plan = plan_of(
        Profile("cpu", ("orders",), tasks=("image.*", "count.*")),
        Profile("gpu", ("orders",), tasks=("image.*", "train.*")),
        tasks=("count.words",),
    )
    assert set(plan.lanes) == {"orders", "orders:cpu", "orders:gpu"}
    assert sketch(plan) == "orders ── orders:cpu → cpu-1@local (count.words)"


def test_the_first_the_middle_and_the_last_worker_hang_on_one_line() -> None:
    lines = sketch(plan_of(Profile("p", ("mail",)), tasks=("t",), nodes={"n": Node("n", {"p": 3})})).splitlines()
    assert [line[5:7] for line in lines] == ["┬─", "├─", "└─"]
    assert [line.split()[-2] for line in lines] == ["p-1@n", "p-2@n", "p-3@n"]


def test_many_tasks_are_counted_and_not_all_listed() -> None:
    text = sketch(plan_of(Profile("p", ("q",)), tasks=tuple(f"task.{number}" for number in range(100))))
    listed = text.count("task.")
    assert 0 < listed < 20
    assert f"{100 - listed} more" in text
