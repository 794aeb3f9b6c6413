"""Why a task goes where it goes."""

import pytest

from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.queue import Queue
from allotment.model.requirements import Requirements
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.explain import Explanation, explain
from allotment.plan.plan import Plan, compile_plan


@pytest.fixture
def plan() -> Plan:
    profiles = {
        "cpu": Profile("cpu", ("images",), tasks=("image.*",), requires=Requirements(labels=("ssd",))),
        "any": Profile("any", ("images", "general"), exclude_tasks=("image.train",)),
        "idle": Profile("idle", ("images",)),
    }
    model = FleetModel(
        profiles,
        {"images": Queue("images", "shop", "shop.images")},
        {"one": Node("one", {"cpu": 1, "any": 1}), "two": Node("two", {"any": 1})},
        (TaskEntry("image.*", "images"), TaskEntry("on_ssd", "images", requires=Requirements(labels=("ssd",)))),
        default_queue="general",
    )
    return compile_plan(model, [KnownTask(name) for name in ("image.resize", "image.train", "mail.send", "on_ssd")])


def reasons(explanation: Explanation) -> dict[str, str]:
    return dict(explanation.others)


def test_a_task_with_an_entry(plan: Plan) -> None:
    found = explain(plan, "image.resize")
    assert found.known
    assert found.queue == "images"
    assert "image.*" in found.decided_by
    assert found.lane == "images"
    assert (found.exchange, found.routing_key) == ("shop", "shop.images")
    assert found.takers == ("cpu-1@one", "any-1@one", "any-1@two")
    assert found.refused is None
    assert found.would_do == ("images", "general")
    assert reasons(found).keys() == {"idle"}
    assert "no node" in reasons(found)["idle"]


def test_a_profile_that_excludes_the_task_is_named_with_its_reason(plan: Plan) -> None:
    found = explain(plan, "image.train")
    assert found.lane == "images:cpu"
    assert found.takers == ("cpu-1@one",)
    assert "exclude_tasks" in reasons(found)["any"]


def test_a_profile_that_does_not_register_or_does_not_consume_is_named(plan: Plan) -> None:
    found = explain(plan, "mail.send")
    assert found.decided_by == "default_queue"
    assert found.takers == ("any-1@one", "any-1@two")
    assert "does not register" in reasons(found)["cpu"]
    assert "does not consume 'general'" in reasons(found)["idle"]


def test_a_call_that_names_a_queue_decides(plan: Plan) -> None:
    found = explain(plan, "image.resize", "general")
    assert (found.queue, found.lane) == ("general", "general")
    assert "call" in found.decided_by
    assert found.takers == ("any-1@one", "any-1@two")


def test_a_refused_publish_has_no_lane_and_says_what_would_do(plan: Plan) -> None:
    found = explain(plan, "on_ssd")
    assert found.lane is None
    assert found.takers == ()
    assert found.refused is not None
    assert "on_ssd" in found.refused
    assert found.would_do == ()
    assert "label ssd" in reasons(found)["any"]
    refused_here = explain(plan, "image.train", "general")
    assert refused_here.refused is not None
    assert "images" in refused_here.refused
    assert refused_here.would_do == ("images",)


def test_a_queue_that_is_not_there_is_refused(plan: Plan) -> None:
    found = explain(plan, "mail.send", "genral")
    assert found.lane is None
    assert found.refused is not None
    assert "'general'" in found.refused
    assert (found.exchange, found.routing_key) == (None, None)


def test_a_task_that_was_not_known_is_marked_so(plan: Plan) -> None:
    found = explain(plan, "image.crop")
    assert not found.known
    assert found.lane == "images"
    assert found.takers == explain(plan, "image.resize").takers


@pytest.mark.parametrize("task", ["image.resize", "image.train", "mail.send", "on_ssd", "image.crop", "celery.ping"])
@pytest.mark.parametrize("queue", [None, "images", "general"])
def test_nobody_is_both_a_taker_and_one_who_cannot_take(plan: Plan, task: str, queue: str | None) -> None:
    found = explain(plan, task, queue)
    takers = {name.rpartition("@")[0].rpartition("-")[0] for name in found.takers}
    assert not takers & reasons(found).keys()
    assert takers | reasons(found).keys() == set(plan.model.profiles)


def test_one_of_celerys_own_tasks_is_explained_with_the_queue_it_goes_to(plan: Plan) -> None:
    found = explain(plan, "celery.ping")
    assert (found.queue, found.lane) == ("general", "general")
    assert (found.exchange, found.routing_key) == ("general", "general")


def test_the_queue_of_a_lane_is_named_even_where_nothing_in_the_file_decides() -> None:
    model = FleetModel({"cpu": Profile("cpu", ("images",), tasks=("image.*",)), "any": Profile("any", ("general",))})
    found = explain(compile_plan(model, [KnownTask("image.resize")]), "celery.ping")
    assert found.lane is not None
    assert found.queue == found.exchange == found.lane


def test_a_worker_of_the_queue_that_the_lane_passes_by_is_named_with_a_reason() -> None:
    model = FleetModel(
        {"cpu": Profile("cpu", ("orders",), tasks=("count.*",)), "gpu": Profile("gpu", ("orders",), tasks=("train.*",))}
    )
    found = explain(compile_plan(model, [KnownTask("count.words"), KnownTask("train.model")]), "celery.ping")
    takers = {name.partition("-")[0] for name in found.takers}
    assert takers
    assert takers | reasons(found).keys() == {"cpu", "gpu"}
