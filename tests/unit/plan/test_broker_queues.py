"""What is declared at the broker of everything that a queue can say."""

from typing import Any

import pytest

from allotment.model.fleet import FleetModel
from allotment.model.profile import Profile
from allotment.model.queue import ExchangeType, Queue, QueueType, WhenFull
from allotment.model.task import KnownTask
from allotment.plan.broker_queues import BrokerQueue, broker_queues, dead_letter_queues
from allotment.plan.plan import Plan, compile_plan


def plan_of(*queues: Queue, split: bool = False) -> Plan:
    names = tuple(queue.name for queue in queues)
    profiles = {"all": Profile("all", names)}
    if split:
        profiles = {name: Profile(name, names, tasks=(f"{name}.*",)) for name in ("left", "right")}
    return compile_plan(FleetModel(profiles, {queue.name: queue for queue in queues}), [KnownTask("left.go")])


def declared(queue: Queue) -> BrokerQueue:
    [found] = broker_queues(plan_of(queue))
    return found


CLASSIC = {"x-queue-type": "classic"}
DROPS = {"x-max-length": 5, "x-overflow": "drop-head"}
KEPT = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "allotment.dropped"}


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ({}, {}),
        ({"max_length": 5}, {"x-max-length": 5, "x-overflow": "reject-publish"}),
        ({"max_length": 5, "when_full": WhenFull.DROP_OLDEST}, {**DROPS, **KEPT}),
        ({"max_length": 5, "when_full": WhenFull.DROP_OLDEST, "type": QueueType.CLASSIC}, {**DROPS, **CLASSIC}),
        (
            {"max_length": 5, "when_full": WhenFull.DROP_OLDEST, "dead_letter": "gone"},
            {**DROPS, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "gone"},
        ),
        (
            {"max_length": 5, "when_full": WhenFull.DROP_OLDEST, "arguments": {"x-dead-letter-exchange": "graves"}},
            {**DROPS, "x-dead-letter-exchange": "graves"},
        ),
        ({"when_full": WhenFull.DROP_OLDEST}, {}),
        ({"type": QueueType.CLASSIC}, CLASSIC),
        ({"type": QueueType.QUORUM}, {"x-queue-type": "quorum"}),
        ({"type": QueueType.QUORUM, "delivery_limit": 3}, {"x-queue-type": "quorum", "x-delivery-limit": 3}),
        ({"max_priority": 4}, {"x-max-priority": 4}),
        ({"dead_letter": "gone"}, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "gone"}),
        (
            {"arguments": {"x-message-ttl": 9, "x-single-active-consumer": True}},
            {"x-message-ttl": 9, "x-single-active-consumer": True},
        ),
        (
            {"max_length": 5, "arguments": {"x-overflow": "reject-publish-dlx"}},
            {"x-max-length": 5, "x-overflow": "reject-publish-dlx"},
        ),
    ],
)
def test_each_key_becomes_the_arguments_of_rabbitmq(said: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert declared(Queue("q", **said)) == BrokerQueue("q", "q", "q", arguments)


def test_a_queue_is_bound_by_its_exchange_of_a_type_and_its_key() -> None:
    said = Queue("q", "shop", "shop.#", exchange_type=ExchangeType.TOPIC, durable=False)
    assert declared(said) == BrokerQueue("q", "shop", "shop.#", {}, ExchangeType.TOPIC, durable=False)


def test_every_lane_carries_what_the_queue_does() -> None:
    said = Queue("q", "shop", "shop.q", 5, durable=False, type=QueueType.CLASSIC, max_priority=3, dead_letter="gone")
    found = {queue.name: queue for queue in broker_queues(plan_of(said, split=True))}
    assert found.keys() == {"q", "q:left", "q:right"}
    assert len({(tuple(queue.arguments.items()), queue.durable, queue.exchange) for queue in found.values()}) == 1
    assert {queue.routing_key for queue in found.values()} == {"shop.q", "q:left", "q:right"}


def test_the_lanes_of_a_topic_queue_are_on_the_default_exchange() -> None:
    """Where others' keys do not lead: `#` would match the lanes' too."""
    said = Queue("q", "shop", "#", exchange_type=ExchangeType.TOPIC, max_priority=3)
    found = {queue.name: queue for queue in broker_queues(plan_of(said, split=True))}
    assert found["q"].exchange_type is ExchangeType.TOPIC
    for name in ("q:left", "q:right"):
        assert found[name] == BrokerQueue(name, None, name, {"x-max-priority": 3})


def test_queues_for_dead_letters_are_declared_once_and_only_our_own_has_a_limit() -> None:
    plan = plan_of(
        Queue("one", dead_letter="gone"), Queue("two", dead_letter="gone"), Queue("three", dead_letter="allotment.dead")
    )
    assert dead_letter_queues(plan) == (
        BrokerQueue("gone", None, "gone"),
        BrokerQueue(
            "allotment.dead",
            None,
            "allotment.dead",
            {"x-max-length": 100_000, "x-overflow": "reject-publish", **CLASSIC},
        ),
    )


def test_a_queue_of_the_fleet_that_takes_dead_letters_is_declared_as_the_file_says() -> None:
    plan = plan_of(Queue("one", dead_letter="two"), Queue("two", max_length=9))
    assert dead_letter_queues(plan) == ()
    assert [queue.name for queue in broker_queues(plan)] == ["one", "two"]


def test_a_queue_without_a_worker_is_declared_too() -> None:
    """It may be where dead letters go, with arguments of its own."""
    model = FleetModel(
        {"all": Profile("all", ("one",))},
        {"one": Queue("one", dead_letter="gone"), "gone": Queue("gone", arguments={"x-message-ttl": 9})},
    )
    plan = compile_plan(model, [])
    assert dead_letter_queues(plan) == ()
    assert BrokerQueue("gone", "gone", "gone", {"x-message-ttl": 9}) in broker_queues(plan)


def test_what_is_dropped_is_kept_within_bounds() -> None:
    plan = plan_of(Queue("q", max_length=5, when_full=WhenFull.DROP_OLDEST))
    [kept] = dead_letter_queues(plan)
    assert (kept.name, kept.arguments["x-overflow"]) == ("allotment.dropped", "drop-head")
    assert kept.arguments.items() > CLASSIC.items(), "each look at a quorum queue counts as a delivery"
    assert {"x-max-length", "x-max-length-bytes"} < kept.arguments.keys()
    assert "x-dead-letter-exchange" not in kept.arguments
