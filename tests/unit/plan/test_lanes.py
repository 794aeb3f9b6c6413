"""Lanes: when a queue is split, what the parts are called, and who consumes them."""

from collections.abc import Iterable

import pytest

from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.queue import Queue, WhenFull
from allotment.model.task import KnownTask
from allotment.plan.broker_queues import BrokerQueue, broker_queues
from allotment.plan.plan import Plan, compile_plan


def plan_of(*profiles: Profile, tasks: Iterable[str], **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    return compile_plan(FleetModel(by_name, **model), map(KnownTask, tasks))  # type: ignore[arg-type]


def consumed(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {worker.profile: worker.consumes for worker in plan.workers}


CPU = Profile("cpu", ("orders",), tasks=("image.*", "count.*"))
GPU = Profile("gpu", ("orders",), tasks=("image.*", "train.*"))


def test_a_queue_whose_consumers_can_run_everything_is_its_own_lane() -> None:
    plan = plan_of(CPU, GPU, tasks=["image.resize", "image.crop"])
    assert list(plan.lanes) == ["orders"]
    assert plan.lanes["orders"].profiles == ("cpu", "gpu")
    assert not plan.queues["orders"].intake
    assert consumed(plan) == {"cpu": ("orders",), "gpu": ("orders",)}
    assert all(worker.intakes == () for worker in plan.workers)


def test_a_queue_is_split_into_one_lane_for_each_set_that_occurs() -> None:
    plan = plan_of(CPU, GPU, tasks=["image.resize", "count.words", "train.model"])
    assert set(plan.lanes) == {"orders:cpu", "orders:gpu", "orders:cpu+gpu"}
    assert set(consumed(plan)["cpu"]) == {"orders:cpu", "orders:cpu+gpu"}
    assert set(consumed(plan)["gpu"]) == {"orders:gpu", "orders:cpu+gpu"}
    assert plan.lane("image.resize").name == "orders:cpu+gpu"
    assert plan.lane("count.words").name == "orders:cpu"
    assert plan.lane("train.model").name == "orders:gpu"


def test_a_set_that_no_task_has_gets_no_lane() -> None:
    plan = plan_of(CPU, GPU, tasks=["count.words"])
    assert set(plan.lanes) == {"orders:cpu"}
    assert consumed(plan)["gpu"] == ()


def test_the_plain_name_of_a_split_queue_stays_as_an_intake_for_all_who_consume_it() -> None:
    plan = plan_of(CPU, GPU, tasks=["count.words", "train.model"])
    assert plan.queues["orders"].intake
    assert {worker.profile for worker in plan.consumers["orders"]} == {"cpu", "gpu"}
    assert all(worker.intakes == ("orders",) for worker in plan.workers)


def test_a_task_that_nobody_on_the_queue_can_run_does_not_split_it() -> None:
    plan = plan_of(CPU, GPU, tasks=["image.resize", "mail.send"])
    assert list(plan.lanes) == ["orders"]


def test_the_name_of_a_lane_does_not_depend_on_the_order_of_profiles() -> None:
    tasks = ["image.resize", "count.words"]
    forwards, backwards = plan_of(CPU, GPU, tasks=tasks), plan_of(GPU, CPU, tasks=tasks[::-1])
    assert set(forwards.lanes) == set(backwards.lanes) == {"orders:cpu", "orders:cpu+gpu"}


@pytest.mark.parametrize("workers", [{"cpu": 1}, {"cpu": 1, "gpu": 0}])
def test_a_profile_that_runs_nowhere_has_no_part_in_lanes(workers: dict[str, int]) -> None:
    plan = plan_of(CPU, GPU, tasks=["image.resize", "count.words"], nodes={"n": Node("n", workers)})
    assert {name: lane.profiles for name, lane in plan.lanes.items()} == {"orders": ("cpu",)}


def test_queues_are_split_each_for_itself() -> None:
    alone = Profile("alone", ("single",), tasks=("image.*",))
    plan = plan_of(CPU, GPU, alone, tasks=["image.resize", "count.words"])
    assert plan.lane("image.resize", "single").name == "single"
    assert plan.lane("image.resize", "orders").name == "orders:cpu+gpu"


def many(count: int, queue: str) -> list[Profile]:
    return [Profile(f"{'p' * 50}-{number}", (queue,), tasks=("shared", f"own.{number}")) for number in range(count)]


@pytest.mark.parametrize("queue", ["orders", "q" * 128])
def test_a_name_that_would_be_too_long_for_a_broker_is_shortened(queue: str) -> None:
    profiles = many(30, queue)
    tasks = ["shared", *(f"own.{number}" for number in range(30))]
    plan = plan_of(*profiles, tasks=tasks)
    assert len(plan.lanes) == 31
    for name in plan.lanes:
        assert len(name.encode()) <= 255
        assert name.startswith(queue + ":")
    again = plan_of(*reversed(profiles), tasks=reversed(tasks))
    assert set(again.lanes) == set(plan.lanes)
    assert plan.lane("shared").profiles == tuple(sorted(profile.name for profile in profiles))


def test_shortened_names_of_different_sets_differ() -> None:
    profiles = [
        Profile(
            f"{'p' * 50}-{number}",
            ("orders",),
            tasks=tuple(f"without.{other}" for other in range(8) if other != number),
        )
        for number in range(8)
    ]
    plan = plan_of(*profiles, tasks=[f"without.{number}" for number in range(8)])
    lanes = [plan.lane(f"without.{number}") for number in range(8)]
    assert len({lane.name for lane in lanes}) == 8
    assert all(len(lane.name.encode()) <= 255 for lane in lanes)


def test_no_lane_has_the_name_of_a_queue() -> None:
    plan = plan_of(CPU, GPU, Profile("x", ("orders.cpu", "cpu")), tasks=["image.resize", "count.words"])
    split = {name for name, lane in plan.lanes.items() if name != lane.queue}
    assert split
    assert not split & set(plan.queues)


# What is declared at the broker


def test_a_queue_that_is_its_own_lane_is_bound_as_the_file_says() -> None:
    orders = Queue("orders", "shop", "shop.orders", 50)
    plan = plan_of(CPU, GPU, tasks=["image.resize"], queues={"orders": orders})
    arguments = {"x-max-length": 50, "x-overflow": "reject-publish"}
    assert broker_queues(plan) == (BrokerQueue("orders", "shop", "shop.orders", arguments),)


def test_lanes_are_bound_by_their_own_names_and_the_intake_as_the_file_says() -> None:
    orders = Queue("orders", "shop", "shop.orders", 50, WhenFull.DROP_OLDEST)
    plan = plan_of(CPU, GPU, tasks=["image.resize", "count.words"], queues={"orders": orders})
    found = {queue.name: queue for queue in broker_queues(plan)}
    assert found.keys() == {"orders", "orders:cpu", "orders:cpu+gpu"}
    assert found["orders"].routing_key == "shop.orders"
    assert {name: queue.routing_key for name, queue in found.items() if name != "orders"} == {
        "orders:cpu": "orders:cpu",
        "orders:cpu+gpu": "orders:cpu+gpu",
    }
    for queue in found.values():
        assert queue.exchange == "shop"
        assert queue.arguments == {"x-max-length": 50, "x-overflow": "drop-head"}


def test_a_queue_of_which_nothing_is_said_is_bound_by_its_name_and_has_no_limit() -> None:
    assert broker_queues(plan_of(CPU, tasks=["image.resize"])) == (BrokerQueue("orders", "orders", "orders", {}),)


def test_everything_that_is_consumed_is_declared_once() -> None:
    other = Profile("other", ("orders", "mail"))
    plan = plan_of(CPU, GPU, other, tasks=["image.resize", "count.words", "mail.send"])
    declared = [queue.name for queue in broker_queues(plan)]
    assert len(declared) == len(set(declared))
    assert set(plan.consumers) <= set(declared)
