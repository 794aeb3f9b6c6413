"""Lanes: when a queue is split, what the parts are called, and who consumes them."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.model.fleet import FleetModel
from allotment.model.names import LABEL_LENGTH, QUEUE_LENGTH
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.queue import Queue, WhenFull
from allotment.model.requirements import Requirements
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.broker_queues import BrokerQueue, broker_queues
from allotment.plan.capability import Capability
from allotment.plan.lanes import Lane, lanes_of_queue
from allotment.plan.plan import Plan, compile_plan


def plan_of(*profiles: Profile, tasks: Iterable[str], **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    return compile_plan(FleetModel(by_name, **model), map(KnownTask, tasks))  # type: ignore[arg-type]


def consumed(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {worker.profile: worker.consumes for worker in plan.workers}


CPU = Profile("cpu", ("orders",), tasks=("image.*", "count.*"))
GPU = Profile("gpu", ("orders",), tasks=("image.*", "train.*"))


def served(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {worker.profile: plan.serves(worker) for worker in plan.workers}


def test_a_queue_whose_consumers_are_alike_has_its_plain_name_alone() -> None:
    one, two = Profile("one", ("orders",), tasks=("image.*",)), Profile("two", ("orders",), tasks=("image.*",))
    plan = plan_of(one, two, tasks=["image.resize", "image.crop"])
    assert list(plan.lanes) == ["orders"]
    assert plan.lanes["orders"].profiles == ("one", "two")
    assert not plan.queues["orders"].split
    assert plan.used == {"orders"}
    assert consumed(plan) == served(plan) == {"one": ("orders",), "two": ("orders",)}


def test_what_all_consumers_can_run_goes_by_the_plain_name_of_a_split_queue_too() -> None:
    plan = plan_of(CPU, GPU, tasks=["image.resize", "image.crop"])
    assert plan.lane("image.resize").name == plan.lane("image.crop").name == "orders"
    assert plan.lanes["orders"].profiles == ("cpu", "gpu")
    assert plan.queues["orders"].split
    assert plan.used == {"orders"}
    assert served(plan) == {"cpu": ("orders",), "gpu": ("orders",)}


def test_a_queue_is_split_into_one_lane_for_each_set_that_occurs() -> None:
    plan = plan_of(CPU, GPU, tasks=["image.resize", "count.words", "train.model"])
    assert set(plan.lanes) == plan.used == {"orders", "orders:cpu", "orders:gpu"}
    assert consumed(plan) == served(plan) == {"cpu": ("orders", "orders:cpu"), "gpu": ("orders", "orders:gpu")}
    assert plan.lane("image.resize").name == "orders"
    assert plan.lane("count.words").name == "orders:cpu"
    assert plan.lane("train.model").name == "orders:gpu"


def test_a_set_that_no_known_task_has_gets_a_lane_where_the_file_leads_to_it() -> None:
    plan = plan_of(CPU, GPU, tasks=["count.words"])
    assert set(plan.lanes) == {"orders", "orders:cpu", "orders:gpu"}
    assert consumed(plan) == {"cpu": ("orders", "orders:cpu"), "gpu": ("orders", "orders:gpu")}
    assert plan.used == {"orders:cpu"}
    assert served(plan) == {"cpu": ("orders:cpu",), "gpu": ()}
    assert plan.lane("train.unheard").name == "orders:gpu"


def test_a_set_that_neither_a_task_nor_the_file_leads_to_gets_no_lane() -> None:
    mail = Profile("mail", ("orders",), tasks=("mail.*",))
    plan = plan_of(CPU, GPU, mail, tasks=["count.words"])
    lanes = {"orders": ("cpu", "gpu", "mail"), "orders:cpu+gpu": ("cpu", "gpu")}
    lanes |= {f"orders:{name}": (name,) for name in ("cpu", "gpu", "mail")}
    assert {name: lane.profiles for name, lane in plan.lanes.items()} == lanes


@pytest.mark.parametrize("exclude", [False, True])
def test_what_no_name_of_the_file_matches_has_its_lane_too(exclude: bool) -> None:
    some = Profile("some", ("q",), tasks=("x.*",))
    two = [Profile(name, ("q",), exclude_tasks=("y",) if exclude else ()) for name in ("one", "two")]
    plan = plan_of(some, *two, tasks=[])
    assert plan.lane("never.heard").name == "q:one+two"
    assert set(plan.lanes) == {"q", "q:one+two"}
    assert plan.used == frozenset()


def test_what_the_entries_of_the_file_require_leads_to_lanes() -> None:
    ssd = Requirements(labels=("ssd",))
    profiles = (Profile("plain", ("q",)), Profile("fast", ("q",), requires=ssd))
    plan = plan_of(*profiles, tasks=[], entries=(TaskEntry("video.*", requires=ssd),))
    assert set(plan.lanes) == {"q", "q:fast"}
    assert plan.lane("video.cut").name == "q:fast"
    assert plan.lane("video").name == "q"


def test_a_task_that_was_not_known_and_whose_set_has_no_lane_goes_to_the_plain_name() -> None:
    """Two patterns together lead to a set that neither leads to alone; once the task is known, it has a lane."""
    profiles = [Profile("shop", ("q",), tasks=("shop.*",)), Profile("mail", ("q",), tasks=("*.mail",))]
    profiles.append(Profile("rest", ("q",), tasks=("rest",)))
    plan = plan_of(*profiles, tasks=["shop.video"])
    assert set(plan.lanes) == {"q", "q:shop", "q:mail", "q:rest"}
    assert plan.lane("shop.mail").name == "q"
    informed = plan_of(*profiles, tasks=["shop.video", "shop.mail"])
    assert set(informed.lanes) == {*plan.lanes, "q:mail+shop"}
    assert informed.lane("shop.mail").name == "q:mail+shop"


def test_the_plain_name_of_a_split_queue_is_a_lane_of_all_who_consume_it() -> None:
    plan = plan_of(CPU, GPU, tasks=["count.words", "train.model"])
    lanes = plan.queues["orders"]
    assert lanes.split
    assert lanes.by_set[lanes.consumers] == plan.lanes["orders"] == Lane("orders", "orders", ("cpu", "gpu"))
    assert {worker.profile for worker in plan.consumers["orders"]} == {"cpu", "gpu"}
    assert plan.consuming["orders"] == lanes.consumers
    assert "orders" not in plan.used


def test_a_queue_that_nobody_consumes_has_no_lanes() -> None:
    plan = plan_of(CPU, GPU, Profile("idle", ("mail",)), tasks=["count.words"], nodes={"n": Node("n", {"cpu": 1})})
    assert plan.queues["mail"].by_set == {}
    assert not plan.queues["mail"].split
    assert {lane.queue for lane in plan.lanes.values()} == {"orders"}
    assert not [name for name in plan.consumers if name.startswith("mail")]


def test_a_task_that_nobody_on_the_queue_can_run_does_not_split_it() -> None:
    alike = (Profile("one", ("orders",), tasks=("image.*",)), Profile("two", ("orders",), tasks=("image.*",)))
    plan = plan_of(*alike, tasks=["image.resize", "mail.send"])
    assert list(plan.lanes) == ["orders"]
    without, more = (plan_of(CPU, GPU, tasks=["image.resize", *others]) for others in ([], ["mail.send"]))
    assert without.queues == more.queues
    assert without.used == more.used == {"orders"}


def test_the_name_of_a_lane_does_not_depend_on_the_order_of_profiles() -> None:
    third, tasks = Profile("third", ("orders",), tasks=("mail.*",)), ["image.resize", "count.words"]
    forwards, backwards = plan_of(CPU, GPU, third, tasks=tasks), plan_of(third, GPU, CPU, tasks=tasks[::-1])
    lanes = {"orders", "orders:cpu", "orders:gpu", "orders:third", "orders:cpu+gpu"}
    assert set(forwards.lanes) == set(backwards.lanes) == lanes
    assert forwards.lanes == backwards.lanes


@pytest.mark.parametrize("workers", [{"cpu": 1}, {"cpu": 1, "gpu": 0}])
def test_a_profile_that_runs_nowhere_has_no_part_in_lanes(workers: dict[str, int]) -> None:
    plan = plan_of(CPU, GPU, tasks=["image.resize", "count.words"], nodes={"n": Node("n", workers)})
    assert {name: lane.profiles for name, lane in plan.lanes.items()} == {"orders": ("cpu",)}


def test_queues_are_split_each_for_itself() -> None:
    alone = Profile("alone", ("single",), tasks=("image.*",))
    other = Profile("other", ("orders",), tasks=("mail.*",))
    plan = plan_of(CPU, GPU, alone, other, tasks=["image.resize", "count.words"])
    assert plan.lane("image.resize", "single").name == "single"
    assert not plan.queues["single"].split
    # on `orders` the same task is not for all: `other` consumes it too
    assert plan.lane("image.resize", "orders").name == "orders:cpu+gpu"
    assert plan.lane("count.words", "orders").name == "orders:cpu"


def many(count: int, queue: str) -> list[Profile]:
    return [Profile(f"{'p' * 50}-{number}", (queue,), tasks=("shared", f"own.{number}")) for number in range(count)]


@pytest.mark.parametrize("queue", ["orders", "q" * 128])
def test_a_name_that_would_be_too_long_for_a_broker_is_shortened(queue: str) -> None:
    profiles = many(30, queue)
    tasks = ["shared", *(f"own.{number}" for number in range(30))]
    # one more who consumes the queue, so that what the thirty share has a lane of its own
    profiles_and_one = [*profiles, Profile("one", (queue,), tasks=())]
    plan = plan_of(*profiles_and_one, tasks=tasks)
    assert len(plan.lanes) == 32
    assert queue in plan.lanes
    for name in plan.lanes.keys() - {queue}:
        assert len(name.encode()) <= 255
        assert name.startswith(queue + ":")
    again = plan_of(*reversed(profiles_and_one), tasks=reversed(tasks))
    assert set(again.lanes) == set(plan.lanes)
    assert plan.lane("shared").name != queue
    assert plan.lane("shared").profiles == tuple(sorted(profile.name for profile in profiles))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.integers(1, QUEUE_LENGTH),
    st.lists(st.integers(4, LABEL_LENGTH), min_size=1, max_size=40),
    st.lists(st.integers(1, 2**40 - 1), max_size=30),
)
def test_no_name_of_a_lane_is_too_long_for_a_broker(queue: int, lengths: list[int], sets: list[int]) -> None:
    names = [f"{number:-<{length}}" for number, length in enumerate(lengths)]
    capability = Capability({name: Profile(name, ("q" * queue,)) for name in names})
    everybody = 2 ** len(names) - 1
    able = {one & everybody for one in sets} - {0}
    lanes = lanes_of_queue("q" * queue, everybody, able, capability)
    assert set(lanes.by_set) == able | {everybody}
    assert lanes.by_set[everybody].name == "q" * queue
    assert len({lane.name for lane in lanes.by_set.values()}) == len(lanes.by_set)
    for one, lane in lanes.by_set.items():
        assert len(lane.name.encode()) <= 255
        assert lane.profiles == capability.names(one)


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


def test_a_queue_that_is_not_split_is_bound_as_the_file_says() -> None:
    orders = Queue("orders", "shop", "shop.orders", 50)
    plan = plan_of(CPU, tasks=["image.resize"], queues={"orders": orders})
    arguments = {"x-max-length": 50, "x-overflow": "reject-publish"}
    assert broker_queues(plan) == (BrokerQueue("orders", "shop", "shop.orders", arguments),)


def test_lanes_are_bound_by_their_own_names_and_the_plain_name_as_the_file_says() -> None:
    orders = Queue("orders", "shop", "shop.orders", 50, WhenFull.DROP_OLDEST)
    plan = plan_of(CPU, GPU, tasks=["image.resize", "count.words"], queues={"orders": orders})
    found = {queue.name: queue for queue in broker_queues(plan)}
    assert found.keys() == {"orders", "orders:cpu", "orders:gpu"} == plan.lanes.keys()
    assert found["orders"].routing_key == "shop.orders"
    assert {name: queue.routing_key for name, queue in found.items() if name != "orders"} == {
        "orders:cpu": "orders:cpu",
        "orders:gpu": "orders:gpu",
    }
    for queue in found.values():
        assert queue.exchange == "shop"
        assert (queue.arguments["x-max-length"], queue.arguments["x-overflow"]) == (50, "drop-head")


def test_a_queue_of_which_nothing_is_said_is_bound_by_its_name_and_has_no_limit() -> None:
    assert broker_queues(plan_of(CPU, tasks=["image.resize"])) == (BrokerQueue("orders", "orders", "orders", {}),)


def test_everything_that_is_consumed_is_declared_once() -> None:
    other = Profile("other", ("orders", "mail"))
    plan = plan_of(CPU, GPU, other, tasks=["image.resize", "count.words", "mail.send"])
    declared = [queue.name for queue in broker_queues(plan)]
    assert len(declared) == len(set(declared))
    assert set(plan.consumers) <= set(declared)
