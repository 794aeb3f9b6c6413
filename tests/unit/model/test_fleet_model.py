"""The model checks itself when it is made."""

import dataclasses

import pytest

from allotment.model.fleet import FleetModel
from allotment.model.kind import Kind, ResourceRouting
from allotment.model.node import LOCAL, Node
from allotment.model.preset import PRESET_QUEUES, PRESETS
from allotment.model.profile import Profile
from allotment.model.queue import Queue, WhenFull
from allotment.model.task import TaskEntry

MAIL = Profile("mail", ("mail",))
IMAGES = Profile("images", ("images", "mail"))
BOTH = {"mail": MAIL, "images": IMAGES}


def test_queues_that_profiles_consume_need_not_be_declared() -> None:
    declared = Queue("mail", max_length=5)
    model = FleetModel(BOTH, {"mail": declared})
    assert dict(model.queues) == {"mail": declared, "images": Queue("images")}


def test_without_nodes_one_local_node_runs_each_profile_once() -> None:
    model = FleetModel(BOTH)
    assert dict(model.nodes) == {LOCAL: Node(LOCAL, {"mail": 1, "images": 1})}


def test_queues_that_nobody_consumes_are_there_all_the_same() -> None:
    routing = ResourceRouting({Kind.CPU: "counting"})
    model = FleetModel(BOTH, entries=(TaskEntry("shop.*", queue="orders"),), default_queue="rest", routing=routing)
    assert set(model.queues) == {"mail", "images", "orders", "rest", "counting"}


def test_a_node_with_a_profile_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"server-1.*gpu"):
        FleetModel(BOTH, nodes={"server-1": Node("server-1", {"gpu": 1})})


def test_a_model_does_not_change() -> None:
    model = FleetModel(BOTH)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.default_queue = "mail"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("tasks", "exclude", "task", "included", "selected"),
    [
        (None, (), "shop.a", True, True),
        (None, ("shop.a",), "shop.a", True, False),
        (("shop.*",), (), "shop.a", True, True),
        (("shop.*",), ("shop.a",), "shop.a", True, False),
        (("shop.*",), ("*.a",), "shop.b", True, True),
        (("shop.b",), (), "shop.a", False, False),
        ((), (), "shop.a", False, False),
    ],
)
def test_what_a_profile_registers(
    tasks: tuple[str, ...] | None, exclude: tuple[str, ...], task: str, included: bool, selected: bool
) -> None:
    profile = Profile("p", ("q",), tasks, exclude)
    assert profile.includes(task) is included
    assert profile.selects(task) is selected


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_keeps_the_rules_it_is_checked_by(preset: Profile) -> None:
    assert PRESETS[preset.name] is preset
    assert set(preset.queues) <= set(PRESET_QUEUES)
    assert preset.soft_time_limit is not None
    assert preset.time_limit is not None
    assert 0 < preset.soft_time_limit < preset.time_limit
    assert preset.autoscale is None or 0 <= preset.autoscale.least <= preset.autoscale.most


def test_the_queues_of_presets_are_bound_each_with_its_own_key() -> None:
    bindings = {(queue.exchange, queue.routing_key) for queue in PRESET_QUEUES.values()}
    assert len(bindings) == len(PRESET_QUEUES)
    assert all(queue.when_full is WhenFull.REJECT for queue in PRESET_QUEUES.values())
