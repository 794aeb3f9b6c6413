"""What `delivery:` comes to: safe queues, what is declared of them, and how each task is acknowledged."""

from typing import Any

import pytest

from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.kind import Kind, ResourceRouting
from allotment.model.profile import Profile
from allotment.model.queue import Queue, QueueType, WhenFull
from allotment.model.task import Delivery, KnownTask, TaskEntry
from allotment.plan.broker_queues import broker_queues, dead_letter_queues
from allotment.plan.celeryconfig import celeryconfig, usual_transport_options
from allotment.plan.delivery import visibility_timeout
from allotment.plan.explain import explain
from allotment.plan.plan import Plan, compile_plan

AGAIN, ONCE = Delivery.AT_LEAST_ONCE, Delivery.AT_MOST_ONCE
HOUR = 3600.0

KEPT = {
    "x-queue-type": "quorum",
    "x-delivery-limit": 20,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "allotment.dead",
}
"""The safe profile on RabbitMQ."""
CLASSIC = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "allotment.dead"}


def plan_of(
    *entries: TaskEntry,
    queues: tuple[Queue, ...] = (),
    profiles: tuple[Profile, ...] = (Profile("all", ("work", "mail")),),
    known: tuple[str, ...] = (),
    **more: Any,
) -> Plan:
    by_name = {queue.name: queue for queue in queues}
    model = FleetModel({one.name: one for one in profiles}, by_name, entries=entries, **more)
    return compile_plan(model, map(KnownTask, known))


def arguments(plan: Plan) -> dict[str, dict[str, Any]]:
    return {queue.name: dict(queue.arguments) for queue in broker_queues(plan)}


# Which queues are safe


@pytest.mark.parametrize(
    ("entry", "more", "safe"),
    [
        (TaskEntry("a", "work", delivery=AGAIN), {}, {"work"}),
        (TaskEntry("a", "work", delivery=ONCE), {}, set()),
        (TaskEntry("a", "work"), {}, set()),
        (TaskEntry("a", delivery=AGAIN), {"default_queue": "mail"}, {"mail"}),
        (TaskEntry("a", delivery=AGAIN), {}, {"work", "mail"}),
        (TaskEntry("a", delivery=AGAIN), {"profiles": (Profile("all", ("work",)),)}, {"work"}),
        (
            TaskEntry("a", delivery=AGAIN),
            {"routing": ResourceRouting({Kind.CPU: "work", Kind.IO: "calls"}), "default_queue": "mail"},
            {"work", "calls", "mail"},
        ),
    ],
)
def test_queues_are_safe_that_an_entry_may_send_to(entry: TaskEntry, more: dict[str, Any], safe: set[str]) -> None:
    assert plan_of(entry, **more).safe == safe


def test_a_queue_that_nobody_consumes_is_not_made_safe_by_an_entry_without_a_queue() -> None:
    """It is there for dead letters."""
    plan = plan_of(TaskEntry("a", delivery=AGAIN), queues=(Queue("work", dead_letter="gone"), Queue("gone")))
    assert plan.safe == {"work", "mail"}


def test_all_that_a_profile_consumes_is_safe_where_it_says_so() -> None:
    profiles = (Profile("one", ("work", "mail"), delivery=AGAIN), Profile("two", ("mail", "other"), delivery=ONCE))
    assert plan_of(profiles=profiles).safe == {"work", "mail"}


def test_what_is_safe_does_not_follow_from_the_tasks_that_are_known() -> None:
    """A producer that knows none of them declares the queues as the workers do."""
    entries = (TaskEntry("shop.*", "work", delivery=AGAIN), TaskEntry("*", delivery=AGAIN))
    assert arguments(plan_of(*entries)) == arguments(plan_of(*entries, known=("shop.a", "b")))


# What is declared


def test_a_safe_queue_is_a_quorum_queue_that_keeps_what_it_gives_up() -> None:
    plan = plan_of(TaskEntry("a", "work", delivery=AGAIN))
    assert arguments(plan) == {"work": KEPT, "mail": {}}
    assert [queue.name for queue in dead_letter_queues(plan)] == ["allotment.dead"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"type": QueueType.CLASSIC}, {"x-queue-type": "classic"}),
        ({"max_priority": 5}, CLASSIC | {"x-max-priority": 5}),
        ({"durable": False}, CLASSIC),
        ({"arguments": {"x-max-priority": 5}}, CLASSIC | {"x-max-priority": 5}),
        ({"arguments": {"x-queue-type": "classic"}}, {"x-queue-type": "classic"}),
        ({"type": QueueType.CLASSIC, "dead_letter": "allotment.dead"}, CLASSIC | {"x-queue-type": "classic"}),
        ({"arguments": {"x-queue-mode": "lazy"}}, CLASSIC | {"x-queue-mode": "lazy"}),
        ({"arguments": {"x-queue-type": "quorum"}}, KEPT),
        ({"delivery_limit": 3}, KEPT | {"x-delivery-limit": 3}),
        ({"arguments": {"x-delivery-limit": 3}}, KEPT | {"x-delivery-limit": 3}),
        ({"dead_letter": "gone"}, KEPT | {"x-dead-letter-routing-key": "gone"}),
        ({"max_length": 9}, KEPT | {"x-max-length": 9}),
        (
            {"max_length": 9, "when_full": WhenFull.DROP_OLDEST},
            {key: value for key, value in KEPT.items() if key != "x-dead-letter-strategy"}
            | {"x-max-length": 9, "x-overflow": "drop-head"},
        ),
        (
            {"arguments": {"x-dead-letter-strategy": "at-most-once"}},
            {key: value for key, value in KEPT.items() if key != "x-overflow"}
            | {"x-dead-letter-strategy": "at-most-once"},
        ),
    ],
)
def test_what_the_file_says_of_a_safe_queue_holds(said: dict[str, Any], expected: dict[str, Any]) -> None:
    plan = plan_of(TaskEntry("a", "work", delivery=AGAIN), queues=(Queue("work", **said),))
    assert arguments(plan)["work"] == expected


def test_dead_letters_that_the_file_sends_to_an_exchange_stay_there() -> None:
    queue = Queue("work", arguments={"x-dead-letter-exchange": "graves"})
    found = arguments(plan_of(TaskEntry("a", "work", delivery=AGAIN), queues=(queue,)))["work"]
    assert found["x-dead-letter-exchange"] == "graves"
    assert "x-dead-letter-routing-key" not in found
    assert found["x-dead-letter-strategy"] == "at-least-once"


def test_every_lane_of_a_safe_queue_is_safe() -> None:
    profiles = (Profile("left", ("work",), tasks=("a",)), Profile("right", ("work",), tasks=("b",)))
    plan = plan_of(TaskEntry("a", "work", delivery=AGAIN), TaskEntry("b", "work"), profiles=profiles)
    assert arguments(plan) == dict.fromkeys(("work", "work:left", "work:right"), KEPT)
    assert [plan.delivery_limit(name) for name in plan.lanes] == [20, 20, 20]


@pytest.mark.parametrize(
    ("queue", "limit"),
    [
        (Queue("mail"), None),
        (Queue("mail", delivery_limit=3), 3),
        (Queue("mail", type=QueueType.CLASSIC, delivery_limit=3), 3),
        (Queue("mail", arguments={"x-delivery-limit": 4}), 4),
        (Queue("mail", arguments={"x-delivery-limit": -1}), None),
    ],
)
def test_deliveries_are_limited_where_the_file_says_so(queue: Queue, limit: int | None) -> None:
    """Whatever the queue's type: the guard counts."""
    plan = plan_of(TaskEntry("a", "work", delivery=AGAIN), queues=(queue,))
    assert plan.delivery_limit("mail") == limit
    assert plan.delivery_limit("of another fleet") is None


def test_without_delivery_nothing_changes() -> None:
    queues = (Queue("work", max_length=5), Queue("mail", type=QueueType.QUORUM))
    plan = plan_of(TaskEntry("a", "work"), TaskEntry("b", delivery=ONCE), queues=queues)
    assert arguments(plan) == {
        "work": {"x-max-length": 5, "x-overflow": "reject-publish"},
        "mail": {"x-queue-type": "quorum"},
    }
    assert plan.declared == plan.model.queues
    assert usual_transport_options(plan.model, speaks_redis=True) == {}


# How long Redis waits


@pytest.mark.parametrize(
    ("entries", "profile", "seconds"),
    [
        ((TaskEntry("a", "work", 2 * HOUR, delivery=AGAIN),), {}, 3 * HOUR),
        ((TaskEntry("a", "work", 1.5 * HOUR, delivery=AGAIN),), {}, 3 * HOUR),
        ((TaskEntry("a", "work", 600, delivery=AGAIN),), {}, None),
        ((TaskEntry("a", "work", delivery=AGAIN),), {}, None),
        ((TaskEntry("a", "work", delivery=AGAIN),), {"time_limit": 4 * HOUR}, 6 * HOUR),
        ((TaskEntry("a", "work", 9 * HOUR, delivery=ONCE),), {}, None),
        ((TaskEntry("a", "work", 9 * HOUR),), {}, None),
        ((TaskEntry("a", "work", 2 * HOUR),), {"delivery": AGAIN}, 3 * HOUR),
    ],
)
def test_the_visibility_timeout_is_above_the_longest_limit(
    entries: tuple[TaskEntry, ...], profile: dict[str, Any], seconds: float | None
) -> None:
    model = plan_of(*entries, profiles=(Profile("all", ("work",), **profile),)).model
    assert visibility_timeout(model) == seconds


# How a task is acknowledged


PROFILES = (
    Profile("safe", ("work",), tasks=("both", "own", "left"), delivery=AGAIN),
    Profile("plain", ("work", "mail"), tasks=("both", "own", "right")),
)


@pytest.mark.parametrize(
    ("task", "queue", "ways"),
    [
        ("left", "work", {"safe": AGAIN}),
        ("right", "work", {"plain": None}),
        ("both", "work", {"safe": AGAIN, "plain": None}),
        ("both", "mail", {"plain": None}),
        ("own", "work", {"safe": ONCE, "plain": ONCE}),
    ],
)
def test_an_entry_beats_the_profile_and_the_profile_the_app(
    task: str, queue: str, ways: dict[str, Delivery | None]
) -> None:
    plan = plan_of(TaskEntry("own", delivery=ONCE), profiles=PROFILES, known=(task,), default_queue="work")
    assert plan.deliveries(plan.look_up(task), plan.lane(task, queue)) == ways
    told = explain(plan, task, queue)
    assert told.delivery == {profile: way and str(way) for profile, way in ways.items()}
    assert told.delivery_limit == (20 if queue == "work" else None)


def test_the_way_out_has_what_settings_can_say() -> None:
    plan = plan_of(
        TaskEntry("own", delivery=ONCE),
        profiles=PROFILES,
        known=("own", "left", "both"),
        default_queue="work",
        broker=Address("redis://redis/0"),
    )
    text = celeryconfig(plan)
    assert "'own': {'acks_late': False, 'reject_on_worker_lost': False}," in text
    assert "'left': {'acks_late': True, 'reject_on_worker_lost': True}," in text
    assert "# 'both' is delivered as each worker's profile says" in text
    assert "'x-queue-type': 'quorum'" in text
    assert "# Nothing counts the deliveries of messages in work" in text


def test_the_way_out_waits_as_long_as_the_fleet() -> None:
    plan = plan_of(TaskEntry("a", "work", 2 * HOUR, delivery=AGAIN), broker=Address("redis://redis/0"))
    assert "broker_transport_options = {'visibility_timeout': 10800.0}" in celeryconfig(plan)
    said = plan_of(
        TaskEntry("a", "work", 2 * HOUR, delivery=AGAIN), broker=Address("redis://redis/0"), visibility_timeout=7200.0
    )
    assert "broker_transport_options = {'visibility_timeout': 7200.0}" in celeryconfig(said)
