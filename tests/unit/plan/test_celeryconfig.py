"""The settings module: run as Python and read by a Celery app, it sends as the plan does."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.profile import Profile
from allotment.model.queue import Queue, WhenFull
from allotment.model.task import Delivery, KnownTask, TaskEntry
from allotment.plan.broker_queues import broker_queues
from allotment.plan.celeryconfig import celeryconfig
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file

FLEETS = Path(__file__).parents[2] / "fixtures" / "fleets"

BROKER, RESULTS = "redis://:canary@broker.example/0", "redis://:canary@results.example/1"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", BROKER)
    monkeypatch.setenv("RESULT_URL", RESULTS)


def settings_of(plan: Plan) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(celeryconfig(plan), "celeryconfig.py", "exec"), namespace)
    return namespace


def plan_of(*profiles: Profile, tasks: tuple[str, ...], **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    return compile_plan(FleetModel(by_name, **model), map(KnownTask, tasks))  # type: ignore[arg-type]


@pytest.fixture
def shop() -> Plan:
    model = read_fleet_file(FLEETS / "shop.yaml", {}).model
    return compile_plan(model, [KnownTask("shop.video.render"), KnownTask("shop.mail.send")])


@pytest.fixture
def split() -> Plan:
    return plan_of(
        Profile("cpu", ("orders",), tasks=("image.*", "count.*")),
        Profile("gpu", ("orders",), tasks=("image.*", "train.*")),
        tasks=("image.resize", "count.words", "train.model"),
        queues={"orders": Queue("orders", "shop", "shop.orders", 9, WhenFull.DROP_OLDEST)},
    )


@pytest.mark.parametrize("name", ["shop", "split"])
def test_routes_are_the_plans_lanes(name: str, request: pytest.FixtureRequest) -> None:
    plan: Plan = request.getfixturevalue(name)
    routes = settings_of(plan)["task_routes"]
    assert routes == {task: {"queue": plan.lane(task).name} for task in plan.tasks}
    assert len(routes) >= 2


@pytest.mark.parametrize("name", ["shop", "split"])
def test_queues_are_those_of_the_plan(name: str, request: pytest.FixtureRequest) -> None:
    plan: Plan = request.getfixturevalue(name)
    found = settings_of(plan)["task_queues"]
    assert {
        queue.name: (queue.exchange.name, queue.exchange.type, queue.routing_key, queue.queue_arguments or {})
        for queue in found
    } == {
        queue.name: (queue.exchange, "direct", queue.routing_key, dict(queue.arguments))
        for queue in broker_queues(plan)
    }
    assert all(queue.durable and queue.exchange.durable for queue in found)


@pytest.mark.parametrize("name", ["shop", "split"])
def test_a_celery_app_that_reads_it_sends_to_the_plans_lanes(name: str, request: pytest.FixtureRequest) -> None:
    plan: Plan = request.getfixturevalue(name)
    with Celery("shop", set_as_current=False) as app:
        app.config_from_object(
            SimpleNamespace(
                **{
                    key: value
                    for key, value in settings_of(plan).items()
                    if key.startswith(("task_", "broker_", "result_"))
                }
            )
        )
        assert app.conf.broker_url == BROKER
        assert app.conf.result_backend == RESULTS
        for task in plan.tasks:
            assert app.amqp.router.route({}, task)["queue"].name == plan.lane(task).name
        assert app.amqp.router.route({}, "not.known")["queue"].name in plan.lanes


def test_addresses_come_from_the_environment(shop: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_of(shop)
    assert (found["broker_url"], found["result_backend"]) == (BROKER, RESULTS)
    monkeypatch.delenv("BROKER_URL")
    with pytest.raises(KeyError, match="BROKER_URL"):
        settings_of(shop)


ONE = Profile("p", ("q",))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, BROKER),
        (Address("embedded"), BROKER),
        (Address("redis://plain.example/3"), "redis://plain.example/3"),
        (Address("redis://:other@secret.example/3"), BROKER),
        (Address("redis://h/3", "${UNIT_URL}"), "redis://from.environment/0"),
        (Address("redis://h/3", "${UNIT_URL:-redis://h/3}"), "redis://from.environment/0"),
        (Address("redis://h/3", "${UNIT_UNSET:-redis://h/3}"), "redis://h/3"),
        (Address("redis://:pw@h/3", "redis://:${UNIT_PASSWORD}@h/3"), BROKER),
    ],
)
def test_where_the_broker_is(address: Address | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIT_URL", "redis://from.environment/0")
    monkeypatch.delenv("UNIT_UNSET", raising=False)
    assert settings_of(plan_of(ONE, tasks=("t",), broker=address))["broker_url"] == expected


def test_a_default_with_a_password_is_not_written() -> None:
    address = Address("redis://:other@h/3", "${UNIT_UNSET:-redis://:other@h/3}")
    text = celeryconfig(plan_of(ONE, tasks=("t",), broker=address))
    assert "other" not in text
    assert "UNIT_UNSET" in text


def test_without_results_they_are_ignored() -> None:
    found = settings_of(plan_of(ONE, tasks=("t",), results=Address("none", "${RESULT_URL:-none}")))
    assert found["task_ignore_result"] is True
    assert "result_backend" not in found


def test_limits_and_delivery_become_annotations() -> None:
    entries = (
        TaskEntry("slow", time_limit=60, soft_time_limit=50),
        TaskEntry("safe", delivery=Delivery.AT_LEAST_ONCE),
        TaskEntry("once", delivery=Delivery.AT_MOST_ONCE),
        TaskEntry("plain", queue="q"),
    )
    found = settings_of(plan_of(ONE, tasks=("slow", "safe", "once", "plain", "other"), entries=entries))
    assert found["task_annotations"] == {
        "slow": {"time_limit": 60, "soft_time_limit": 50},
        "safe": {"acks_late": True, "reject_on_worker_lost": True},
        "once": {"acks_late": False, "reject_on_worker_lost": False},
    }


def test_no_queue_is_made_by_accident(shop: Plan) -> None:
    found = settings_of(shop)
    assert found["task_create_missing_queues"] is False
    assert found["task_default_queue"] in {queue.name for queue in found["task_queues"]}


def test_the_default_queue_is_a_lane_that_workers_consume(split: Plan) -> None:
    assert settings_of(split)["task_default_queue"] == "orders"
    assert {worker.profile for worker in split.consumers["orders"]} == {"cpu", "gpu"}
    assert all("orders" in split.serves(worker) for worker in split.workers)


def test_a_task_that_nobody_can_run_is_left_out_and_the_others_stay() -> None:
    plan = plan_of(
        Profile("cpu", ("images",), tasks=("image.*",)),
        Profile("any", ("general",), tasks=("mail.*",)),
        tasks=("image.resize", "mail.send", "mail.lost", "unheard"),
        entries=(TaskEntry("image.*", "images"), TaskEntry("mail.lost", "images"), TaskEntry("*", "general")),
    )
    assert settings_of(plan)["task_routes"] == {"image.resize": {"queue": "images"}, "mail.send": {"queue": "general"}}
