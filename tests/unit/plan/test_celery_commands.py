"""The plain commands: every line is one that Celery's own command line takes."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from celery.bin.worker import worker as celery_worker
from celery.concurrency import get_available_pool_names
from celery.concurrency.thread import TaskPool as ThreadPool

from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Autoscale, Pool, Profile
from allotment.model.task import KnownTask
from allotment.plan.commands import commands
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file

FLEETS = Path(__file__).parents[2] / "fixtures" / "fleets"

OPTIONS = {option: parameter for parameter in celery_worker.params for option in parameter.opts}


def lines(plan: Plan) -> list[str]:
    return [line for line in commands(plan).splitlines() if not line.startswith("#")]


def read(line: str) -> dict[str, str | None]:
    """Read one command as a shell and Celery would; give the worker's options by their parameters' names."""
    words = shlex.split(line)
    assert words[0] == "celery"
    assert words[1] == "-A"
    assert words[3] == "worker"
    found: dict[str, str | None] = {"app": words[2]}
    rest = iter(words[4:])
    for option in rest:
        assert option in OPTIONS, option
        parameter = OPTIONS[option]
        name = parameter.name or ""
        assert name not in found, f"{option} is there twice"
        assert isinstance(parameter, click.Option)
        found[name] = None if parameter.is_flag else next(rest)
    return found


def plan_of(*profiles: Profile, tasks: tuple[str, ...] = ("t",), **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    return compile_plan(FleetModel(by_name, **model), map(KnownTask, tasks))  # type: ignore[arg-type]


def one(profile: Profile, **model: object) -> dict[str, str | None]:
    (line,) = lines(plan_of(profile, **model))
    return read(line)


def of_type(found: Mapping[str, str | None], name: str) -> object:
    """Give an option's value as Celery's own parameter reads it."""
    value = found[name]
    parameter = next(parameter for parameter in celery_worker.params if parameter.name == name)
    return parameter.type.convert(value, parameter, None)


def test_one_line_for_each_worker_under_its_node() -> None:
    model = read_fleet_file(FLEETS / "shop.yaml", {}).model
    plan = compile_plan(model, [KnownTask("shop.video.render"), KnownTask("shop.mail.send")])
    text = commands(plan)
    assert text.splitlines()[0].startswith("#")
    assert "server-1" in text.splitlines()[0]
    found = [read(line) for line in lines(plan)]
    assert [one["hostname"] for one in found] == ["cpu-1@server-1", "cpu-2@server-1", "io-1@server-1"]
    assert {one["app"] for one in found} == {"shop.celery:app"}
    cpu, io = found[0], found[2]
    assert of_type(cpu, "queues") == ["cpu_video_processing"]
    assert of_type(cpu, "autoscale") == (8, 2)
    assert of_type(cpu, "prefetch_multiplier") == 1
    assert of_type(cpu, "max_tasks_per_child") == 100
    assert of_type(cpu, "time_limit") == 3600
    assert of_type(cpu, "soft_time_limit") == 3000
    assert of_type(io, "queues") == ["io_api_calls", "io_file_operations", "io_email_sending"]
    assert io["pool"] == "threads"


@pytest.mark.parametrize(
    ("tasks", "cpu", "gpu"),
    [
        (
            ("image.resize", "count.words", "train.model"),
            ["orders", "orders:cpu", "mail"],
            ["orders", "orders:gpu"],
        ),
        # without the guard the plain name would hand a worker what it cannot run
        (("count.words", "train.model"), ["orders:cpu", "mail"], ["orders:gpu"]),
        (("image.resize",), ["orders", "mail"], ["orders"]),
    ],
)
def test_a_worker_names_exactly_its_lanes_that_known_tasks_go_to(
    tasks: tuple[str, ...], cpu: list[str], gpu: list[str]
) -> None:
    plan = plan_of(
        Profile("cpu", ("orders", "mail"), tasks=("image.*", "count.*")),
        Profile("gpu", ("orders",), tasks=("image.*", "train.*")),
        tasks=tasks,
        nodes={"one": Node("one", {"cpu": 1, "gpu": 2})},
    )
    named = {found["hostname"]: of_type(found, "queues") for found in map(read, lines(plan))}
    assert named == {"cpu-1@one": cpu, "gpu-1@one": gpu, "gpu-2@one": gpu}
    assert named == {worker.name: list(plan.serves(worker)) for worker in plan.workers}
    for worker in plan.workers:
        assert set(plan.serves(worker)) <= set(worker.consumes)


def test_a_worker_that_can_run_nothing_is_not_told_to_consume_a_queue_without_a_name() -> None:
    plan = plan_of(Profile("all", ("q",)), Profile("idle", ("q",), tasks=("no.such.*",)))
    found = [read(line) for line in lines(plan)]
    assert [one["hostname"] for one in found if one["queues"]] == ["all-1@local"]
    assert not [one for one in found if not one["queues"]]


@pytest.mark.parametrize("pool", list(Pool))
def test_every_pool_is_one_of_celerys(pool: Pool) -> None:
    found = one(Profile("p", ("q",), pool=pool))["pool"]
    assert found == ("threads" if pool is Pool.IO else pool.value)
    assert found in get_available_pool_names()


@pytest.mark.parametrize(
    ("concurrency", "cpu", "expected"), [(7, 4, "7"), (None, 4, "4"), (None, 0.5, "1"), (None, None, "auto")]
)
def test_concurrency(concurrency: int | None, cpu: float | None, expected: str) -> None:
    found = one(Profile("p", ("q",), concurrency=concurrency), nodes={"n": Node("n", {"p": 1}, cpu=cpu)})
    assert found["concurrency"] == expected


def test_bounds_take_the_place_of_concurrency() -> None:
    found = one(Profile("p", ("q",), concurrency=7, autoscale=Autoscale(0, 3)))
    assert "concurrency" not in found
    assert of_type(found, "autoscale") == (3, 0)


@pytest.mark.parametrize("pool", [Pool.THREADS, Pool.IO])
def test_threads_have_all_their_places_from_the_start_as_celerys_cannot_grow(pool: Pool) -> None:
    assert not hasattr(ThreadPool, "grow")
    found = one(Profile("p", ("q",), pool=pool, concurrency=7, autoscale=Autoscale(2, 30)))
    assert "autoscale" not in found
    assert found["concurrency"] == "30"


@pytest.mark.parametrize("pool", [Pool.PREFORK, Pool.GEVENT])
def test_a_pool_that_can_grow_has_its_bounds(pool: Pool) -> None:
    found = one(Profile("p", ("q",), pool=pool, autoscale=Autoscale(2, 30)))
    assert of_type(found, "autoscale") == (30, 2)


@pytest.mark.parametrize(
    ("pool", "broker", "expected"),
    [
        (Pool.GEVENT, "amqp://host", True),
        (Pool.GEVENT, None, True),
        (Pool.GEVENT, "redis://host", False),
        (Pool.THREADS, "amqp://host", False),
    ],
)
def test_a_worker_on_gevent_sends_no_heartbeats_over_amqp(pool: Pool, broker: str | None, expected: bool) -> None:
    found = one(Profile("p", ("q",), pool=pool), broker=Address(broker) if broker else None)
    assert ("without_heartbeat" in found) is expected


@pytest.mark.parametrize("seconds", [90.0, 0.5, 3600.0, 1_234_567.0, 86_401.5])
def test_limits_are_written_to_the_second(seconds: float) -> None:
    found = one(Profile("p", ("q",), time_limit=seconds, soft_time_limit=seconds))
    assert of_type(found, "time_limit") == seconds
    assert of_type(found, "soft_time_limit") == seconds


def test_memory_is_in_kibibytes_as_celery_wants_it() -> None:
    assert of_type(one(Profile("p", ("q",), max_memory_per_child=512 * 2**20)), "max_memory_per_child") == 512 * 1024


def test_what_is_not_said_is_left_to_celery() -> None:
    found = one(Profile("p", ("q",)))
    assert found.keys() == {
        "app",
        "hostname",
        "queues",
        "without_gossip",
        "without_mingle",
        "loglevel",
        "pool",
        "concurrency",
    }


@pytest.mark.parametrize("app", ["shop:app; touch x", "$(touch x)", "a b", "`x`", "'", "-A"])
def test_a_shell_sees_each_argument_as_one_word(app: str) -> None:
    assert one(Profile("p", ("q",)), app=app)["app"] == app


def test_the_chatter_that_grows_with_the_fleet_is_off() -> None:
    found = one(Profile("p", ("q",)))
    assert "without_gossip" in found
    assert "without_mingle" in found
