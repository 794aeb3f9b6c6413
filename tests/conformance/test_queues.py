"""Everything a queue can say, at the broker and on running workers; and a queue that is there already and differs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain, group
from kombu import Connection, Exchange, Queue, pools
from kombu.exceptions import OperationalError

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.declare import declare_queues
from allotment.engine.differing import QueueFault
from allotment.engine.installation import install
from allotment.engine.marks import read_mark
from allotment.errors import AllotmentError, BrokerUnreachable, QueueDiffers, QueueFull
from allotment.local.running import RunningFleet
from allotment.plan.broker_queues import broker_queues, dead_letter_queues
from allotment.plan.plan import Plan
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer, RedisServer
from allotment.testing.brokers.server import find_program

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "depot"


@dataclass(frozen=True)
class Host:
    """A virtual host of its own on RabbitMQ, and what RabbitMQ's control program says of it."""

    server: RabbitServer
    name: str

    @property
    def url(self) -> str:
        return f"{self.server.url.rpartition('//')[0]}/{self.name}"

    def control(self, *arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.server.folder)}
        return subprocess.run(
            [find_program("rabbitmqctl"), "-q", *arguments],
            env=environment | self.server._environment(),
            capture_output=True,
            check=True,
            text=True,
        ).stdout

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.control(*arguments, "-p", self.name, "--formatter", "json"))
        return found


@pytest.fixture
def host(rabbitmq: RabbitServer, request: pytest.FixtureRequest) -> Iterator[Host]:
    yield from _host(rabbitmq, f"test-{abs(hash(request.node.name))}")


def _host(server: RabbitServer, name: str) -> Iterator[Host]:
    made = Host(server, name)
    made.control("add_vhost", name)
    made.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    yield made
    made.control("delete_vhost", name)


@dataclass(frozen=True)
class Depot:
    """The running fleet of the project depot."""

    app: Celery
    url: str
    host: Host | None

    @property
    def plan(self) -> Plan:
        found: Plan = self.app.allotment.plan
        return found

    def send(self, name: str, *arguments: Any, **options: Any) -> Any:
        return self.app.signature(name, args=arguments, app=self.app).apply_async(**options)


@pytest.fixture(scope="module", params=["rabbitmq", "redis"])
def depot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    folder = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp(request.param) / "depot"))
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        yield from _running(folder, server.url[:-1] + "5", server.url[:-1] + "6", None)
        return
    for host in _host(request.getfixturevalue("rabbitmq"), "depot"):
        yield from _running(folder, host.url, "embedded", host)


on_rabbitmq = pytest.mark.parametrize("depot", ["rabbitmq"], indirect=True)
"""For what Redis does not have: arguments, dead letters, quorum queues."""


def _running(folder: Path, url: str, results: str, host: Host | None) -> Iterator[Depot]:
    environment = {"BROKER_URL": url, "RESULT_URL": results}
    app = producer(folder / "fleet.yaml", environment)
    with RunningFleet(folder / "fleet.yaml", environment=environment):
        yield Depot(app, url, host)
    close(app)


def producer(path: Path, environment: dict[str, str]) -> Celery:
    """Give an app without tasks that sends to a fleet."""
    app = Celery("client", set_as_current=False)
    install(read_fleet_file(path, environment), app)
    keep_results_quiet(app)
    return app


def until(what: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Wait until something is so, and give it."""
    deadline = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)
    return found


def depth(url: str, queue: str) -> int:
    """Count what waits; on Redis a queue that is empty is not there."""
    with Connection(url) as connection:
        try:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except connection.channel_errors:
            return 0


# What the broker holds


@on_rabbitmq
def test_rabbitmq_holds_what_the_plan_says(depot: Depot) -> None:
    assert depot.host
    wanted = {one.name: one for one in (*broker_queues(depot.plan), *dead_letter_queues(depot.plan))}
    assert {"parcels:box", "parcels:bag", "shelf:box", "shelf_dead", "allotment.dead"} <= wanted.keys()
    held = {one["name"]: one for one in depot.host.listed("list_queues", "name", "durable", "arguments")}
    found = {name: one for name, one in held.items() if "celery" not in name}  # its own, for events and control
    assert found.keys() == wanted.keys()
    for name, one in found.items():
        assert one["durable"] is wanted[name].durable, name
        assert {argument: value for argument, _, value in one["arguments"]} == wanted[name].arguments, name
    exchanges = {one["name"]: one for one in depot.host.listed("list_exchanges", "name", "type", "durable")}
    listed = depot.host.listed("list_bindings")
    bound = {
        (one["source_name"], one["destination_name"], one["routing_key"])
        for one in listed
        if one["destination_kind"] == "queue"
    }
    # by which delayed calls come, as there are quorum queues: a word for each bit of the delay
    delayed = {("celery_delayed_delivery", name, 28 * "*." + name) for name in depot.plan.lanes}
    assert delayed <= bound
    bound -= delayed
    assert {one for one in bound if one[1] in wanted and one[0]} == {
        (one.exchange, name, one.routing_key) for name, one in wanted.items() if one.exchange is not None
    }
    for name, one in wanted.items():
        assert ("", name, name) in bound
        exchange = exchanges[one.exchange or ""]
        assert (exchange["type"], exchange["durable"]) == (one.exchange_type, True)


def test_every_lane_of_a_split_queue_carries_the_arguments_of_the_queue(depot: Depot) -> None:
    arguments = {one.name: one.arguments for one in broker_queues(depot.plan)}
    assert arguments["shelf"] == arguments["shelf:box"] == arguments["shelf:bag"]
    assert arguments["shelf"]["x-max-length"] == 100


def test_each_queue_is_consumed(depot: Depot) -> None:
    """On Redis all arguments are left alone, and none keeps a worker from its queue."""
    results = {name: depot.send("box.number", 7, queue=name) for name in depot.plan.queues}
    assert {name: result.get(timeout=30) for name, result in results.items()} == dict.fromkeys(depot.plan.queues, 7)
    assert depot.send("bag.number", 8).get(timeout=30) == 8
    assert depot.send("bag.number", 8, queue="parcels").get(timeout=30) == 8


@pytest.mark.parametrize(
    ("exchange", "key", "arrives"),
    [
        ("post", "parcel.north.new", True),
        ("post", "parcel.north.old", False),
        ("post", "parcel.new", False),
        ("mail", "letter.new", True),
        ("mail", "letter.old", False),
    ],
)
def test_other_producers_reach_a_queue_by_its_exchange_and_key(
    depot: Depot, exchange: str, key: str, arrives: bool
) -> None:
    """A plain Celery app that knows the exchange and the key, and nothing else of the fleet."""
    plain = Celery("plain", broker=depot.url, backend=depot.app.conf.result_backend, set_as_current=False)
    keep_results_quiet(plain)
    known = Exchange(exchange, type="topic" if exchange == "post" else "direct")
    result = plain.send_task("box.number", args=[3], exchange=known, routing_key=key, declare=[known])
    if arrives:
        assert result.get(timeout=20) == 3
    else:
        assert depot.send("box.number", 1).get(timeout=20) == 1
        assert result.state == "PENDING"
    close(plain)


@pytest.mark.parametrize("countdown", [0, 1])
def test_a_retry_of_what_came_by_a_topic_exchange_finds_its_queue_again(depot: Depot, countdown: int) -> None:
    sent = depot.send("box.again", countdown, exchange="post", routing_key="parcel.north.new")
    assert sent.get(timeout=20)[0] == 1
    plain = Celery("plain", broker=depot.url, backend=depot.app.conf.result_backend, set_as_current=False)
    keep_results_quiet(plain)
    known = Exchange("post", type="topic")
    sent = plain.send_task(
        "box.again", args=[countdown], exchange=known, routing_key="parcel.north.new", declare=[known]
    )
    assert sent.get(timeout=20)[0] == 1
    close(plain)


@pytest.mark.parametrize("delay", [0, 1])
def test_a_delayed_task_is_retried(depot: Depot, delay: int) -> None:
    """With a quorum queue in the fleet Celery sends delayed tasks of topic queues by exchanges of its own."""
    assert depot.send("box.again", 1, queue="notes", countdown=delay).get(timeout=20)[0] == 1


def test_messages_of_higher_priority_are_taken_first(depot: Depot) -> None:
    """With one taken at a time. On RabbitMQ the highest number goes first, on Redis the lowest, as kombu has it."""
    blocking = depot.send("box.sleep", 1.5, queue="ranked")
    until(lambda: depth(depot.url, "ranked") == 0)
    priorities = [number % 6 for number in range(12)]
    results = [depot.send("box.number", one, queue="ranked", priority=one) for one in priorities]
    assert blocking.get(timeout=20) == 1.5
    for result in results:
        result.get(timeout=20)
    marks = [read_mark(depot.app.backend.get_task_meta(result.id)) for result in results]
    order = [priority for _, priority in sorted(zip([mark.started for mark in marks if mark], priorities, strict=True))]
    assert order == sorted(priorities, reverse=depot.host is not None)


def dead_letters(url: str, queue: str, count: int = 1) -> list[Any]:
    """Take so many messages, once they are there; none may be there besides."""
    with Connection(url) as connection:
        box = Queue(queue)(connection.default_channel)
        messages = [until(lambda: box.get(no_ack=True)) for _ in range(count)]
        assert box.get() is None
        return messages


@on_rabbitmq
def test_what_a_worker_rejects_goes_to_the_dead_letter_queue(depot: Depot) -> None:
    assert depot.host
    sent = depot.send("box.spoilt", queue="shelf", ignore_result=True)
    [message] = dead_letters(depot.url, "shelf_dead")
    assert message.headers["id"] == sent.id
    assert message.headers["x-death"][0]["queue"] == "shelf:box"
    assert message.headers["x-death"][0]["reason"] == "rejected"


@on_rabbitmq
def test_what_a_quorum_queue_delivered_too_often_is_set_aside(depot: Depot) -> None:
    """By a worker, which can tell whoever waits, before RabbitMQ gives it up."""
    assert depot.host
    sent = depot.send("box.returned", queue="strict", ignore_result=True)
    [message] = dead_letters(depot.url, "allotment.dead")
    assert message.headers["id"] == sent.id
    assert message.headers["allotment_dead"]["reason"] == "delivered-too-often"


# Without workers

FLEET = """\
app: depot.app:app
broker: ${BROKER_URL}
results: none
default_queue: few
queues:
  few: {max_length: 2}
  newest: {max_length: 2, when_full: drop-oldest}
  short: {arguments: {x-message-ttl: 50}, dead_letter: late}
profiles:
  box: {tasks: ["box.*"], queues: [few, newest, short, other]}
"""


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., Celery]]:
    """Give a function that writes a fleet file and gives a producer for it."""
    made: list[Celery] = []

    def written(url: str, text: str) -> Celery:
        folder = tmp_path / "depot"
        if not folder.exists():
            shutil.copytree(PROJECT, folder)
        (folder / "fleet.yaml").write_text(text)
        pools.reset()  # a connection remembers what was declared on it, and all apps of a process share them
        made.append(producer(folder / "fleet.yaml", {"BROKER_URL": url, "RESULT_URL": "none"}))
        return made[-1]

    yield written
    for app in made:
        close(app)


def values(url: str, queue: str) -> list[int]:
    with Connection(url) as connection:
        box = Queue(queue)(connection.default_channel)
        return [json.loads(message.body)[0][0] for message in iter(lambda: box.get(no_ack=True), None)]


def test_a_full_queue_refuses_or_drops_the_oldest(host: Host, write: Callable[..., Celery]) -> None:
    app = write(host.url, FLEET)
    for number in range(2):
        app.send_task("box.number", [number], queue="few")
    with pytest.raises(OperationalError):
        app.send_task("box.number", [2], queue="few")
    for number in range(4):
        app.send_task("box.number", [number], queue="newest")
    assert values(host.url, "few") == [0, 1]
    assert values(host.url, "newest") == [2, 3]


def test_on_redis_the_fleet_s_own_programs_keep_the_length(
    redis_server: RedisServer, write: Callable[..., Celery]
) -> None:
    url = redis_server.url[:-1] + "7"
    app = write(url, FLEET)
    for number in range(2):
        app.send_task("box.number", [number], queue="few")
    with pytest.raises(QueueFull):
        app.send_task("box.number", [2], queue="few")
    for number in range(4):
        app.send_task("box.number", [number], queue="newest")
    assert values(url, "few") == [0, 1]
    assert values(url, "newest") == [2, 3]


def test_where_only_producers_run_dead_letters_have_their_queue(host: Host, write: Callable[..., Celery]) -> None:
    write(host.url, FLEET).send_task("box.number", [5], queue="short")
    [message] = dead_letters(host.url, "late")
    assert json.loads(message.body)[0] == [5]
    assert message.headers["x-death"][0]["reason"] == "expired"


def test_a_worker_declares_every_dead_letter_queue_of_the_plan(host: Host, write: Callable[..., Celery]) -> None:
    """Also of queues that it does not consume, for producers that may send there first."""
    app = write(host.url, (PROJECT / "fleet.yaml").read_text())
    [bag] = [one for one in app.allotment.plan.workers if one.profile == "bag"]
    declare_queues(app, bag)
    assert {one["name"] for one in host.listed("list_queues", "name")} == {
        *bag.consumes,
        "shelf_dead",
        "allotment.dead",
    }


def test_queues_may_take_each_other_s_dead_letters(host: Host, write: Callable[..., Celery]) -> None:
    text = FLEET.replace("few: {max_length: 2}", "few: {dead_letter: short}").replace("late}", "few}")
    write(host.url, text).send_task("box.number", [5], queue="few")
    assert {one["name"] for one in host.listed("list_queues", "name")} == {"few", "short"}


# A queue that is there and differs

SIMPLE = """\
app: depot.app:app
broker: ${BROKER_URL}
results: none
default_queue: crate
queues:
  crate: %s
  other: {}
profiles:
  box: {tasks: ["box.*", "bag.*"], queues: [crate, other], concurrency: 1}
"""


def x(**arguments: Any) -> dict[str, Any]:
    return {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}


@dataclass(frozen=True)
class Case:
    """What is there, what the file says of the queue crate, what is told of both, and the file's way to agree."""

    there: dict[str, Any]
    file: str
    told: tuple[str, ...]
    agreed: str | None
    hinted: str | None = None
    exchange: Exchange = Exchange("crate")  # noqa: RUF009 - kombu's entities are never changed in place
    durable: bool = True
    auto_delete: bool = False


DEAD = x(dead_letter_exchange="", dead_letter_routing_key="dead")
CASES = {
    "max_length": Case(
        x(max_length=5, overflow="reject-publish"),
        "{max_length: 6}",
        ("x-max-length 5", "max_length: 6"),
        "{max_length: 5}",
        "queues.crate.max_length: 5",
    ),
    "max_length, none there": Case(
        {}, "{max_length: 6}", ("no x-max-length", "max_length: 6"), "{}", "no queues.crate.max_length"
    ),
    "max_length, none in the file": Case(
        x(max_length=5, overflow="reject-publish"),
        "{}",
        ("x-max-length 5", "says no max_length"),
        "{max_length: 5}",
        "queues.crate.max_length: 5",
    ),
    "when_full": Case(
        x(max_length=5, overflow="drop-head"),
        "{max_length: 5}",
        ("x-overflow drop-head", "when_full: reject"),
        "{max_length: 5, when_full: drop-oldest, type: classic}",
        "queues.crate.when_full: drop-oldest, and type: classic, which counts no drops",
    ),
    "drops that are not counted": Case(
        x(max_length=5, overflow="drop-head"),
        "{max_length: 5, when_full: drop-oldest}",
        ("no x-dead-letter-exchange", "drop-oldest asks for dead_letter: allotment.dropped"),
        "{max_length: 5, when_full: drop-oldest, type: classic}",
        "queues.crate.type: classic, which leaves the queue as it is",
    ),
    "when_full, as plain Celery has it": Case(
        x(max_length=5),
        "{max_length: 5, when_full: drop-oldest, type: classic}",
        ("no x-overflow", "when_full: drop-oldest"),
        "{arguments: {x-max-length: 5}}",
        "queues.crate.arguments.x-max-length, in place of max_length and when_full",
    ),
    "when_full, a kind without a word": Case(
        x(max_length=5, overflow="reject-publish-dlx"),
        "{max_length: 5}",
        ("x-overflow reject-publish-dlx",),
        "{arguments: {x-max-length: 5, x-overflow: reject-publish-dlx}}",
        "queues.crate.arguments.x-overflow: reject-publish-dlx, in place of when_full",
    ),
    "max_priority": Case(
        x(max_priority=9),
        "{}",
        ("x-max-priority 9", "says no max_priority"),
        "{max_priority: 9}",
        "queues.crate.max_priority: 9",
    ),
    "type": Case(
        x(queue_type="quorum"),
        "{}",
        ("x-queue-type quorum", "says no type"),
        "{type: quorum}",
        "queues.crate.type: quorum",
    ),
    "type, classic there": Case(
        {}, "{type: quorum}", ("no x-queue-type", "type: quorum"), "{}", "no queues.crate.type"
    ),
    "delivery_limit": Case(
        x(queue_type="quorum", delivery_limit=3),
        "{type: quorum, delivery_limit: 4}",
        ("x-delivery-limit 3", "delivery_limit: 4"),
        "{type: quorum, delivery_limit: 3}",
        "queues.crate.delivery_limit: 3",
    ),
    "dead_letter": Case(
        DEAD,
        "{dead_letter: gone}",
        ("x-dead-letter-routing-key dead", "dead_letter: gone"),
        "{dead_letter: dead}",
        "queues.crate.dead_letter: dead",
    ),
    "dead_letter, none there": Case(
        {},
        "{dead_letter: gone}",
        ("no x-dead-letter-exchange", "dead_letter: gone"),
        "{}",
        "no queues.crate.dead_letter",
    ),
    "dead_letter, none in the file": Case(
        DEAD,
        "{}",
        ("x-dead-letter-exchange ''", "says no dead_letter"),
        "{dead_letter: dead}",
        "queues.crate.dead_letter, by the name of the queue",
    ),
    "dead_letter, an exchange": Case(
        x(dead_letter_exchange="graves"),
        "{dead_letter: gone}",
        ("x-dead-letter-exchange graves", "dead_letter: gone"),
        "{arguments: {x-dead-letter-exchange: graves}}",
        "queues.crate.arguments.x-dead-letter-exchange: graves, in place of dead_letter",
    ),
    "an argument": Case(
        x(message_ttl=1000),
        "{arguments: {x-message-ttl: 2000}}",
        ("x-message-ttl 1000", "arguments.x-message-ttl: 2000"),
        "{arguments: {x-message-ttl: 1000}}",
        "queues.crate.arguments.x-message-ttl: 1000",
    ),
    "an argument that has a key": Case(
        x(max_length=5),
        "{arguments: {x-max-length: 6}}",
        ("x-max-length 5", "arguments.x-max-length: 6"),
        "{arguments: {x-max-length: 5}}",
        "queues.crate.arguments.x-max-length: 5",
    ),
    "durable": Case(
        {}, "{}", ("durable false", "durable: true"), "{durable: false}", "queues.crate.durable: false", durable=False
    ),
    "auto_delete": Case({}, "{}", ("auto_delete true", "Allotment declares auto_delete false"), None, auto_delete=True),
    "the exchange's type": Case(
        {},
        "{exchange_type: topic}",
        ("the exchange 'crate' of the queue 'crate'", "type direct", "exchange_type: topic"),
        "{exchange_type: direct}",
        "queues.crate.exchange_type: direct",
    ),
    "the exchange's durability": Case(
        {},
        "{exchange: fleeting}",
        ("the exchange 'fleeting' of the queue 'crate'", "durable false", "Allotment declares durable true"),
        None,
        exchange=Exchange("fleeting", durable=False),
    ),
}


def declare(url: str, case: Case) -> None:
    with Connection(url) as connection:
        kept = {"durable": case.durable, "auto_delete": case.auto_delete, "queue_arguments": case.there}
        queue = Queue("crate", case.exchange, routing_key="crate", **kept)
        queue(connection.default_channel).declare()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_producer_is_told_what_differs_and_how_to_agree(host: Host, write: Callable[..., Celery], case: Case) -> None:
    declare(host.url, case)
    app = write(host.url, SIMPLE % case.file)
    for _ in range(2):
        with pytest.raises(QueueDiffers) as told:
            app.send_task("box.number", [1])
        assert "queue 'crate'" in told.value.message
        assert all(words in told.value.message for words in case.told), told.value.message
        app.send_task("box.number", [1], queue="other")
    assert depth(host.url, "crate") == 0
    assert depth(host.url, "other") == 2
    hint = told.value.hint or ""
    assert hint.startswith(f"make the file say what is there: {case.hinted}; or ") is (case.hinted is not None), hint
    if case.agreed is not None:
        write(host.url, SIMPLE % case.agreed).send_task("box.number", [1])
        assert depth(host.url, "crate") == 1


def test_a_dead_letter_queue_that_differs_is_told_too(host: Host, write: Callable[..., Celery]) -> None:
    with Connection(host.url) as connection:
        Queue("dead", Exchange(""), queue_arguments=x(message_ttl=9))(connection.default_channel).declare()
    app = write(host.url, SIMPLE % "{dead_letter: dead}")
    with pytest.raises(QueueDiffers, match="queue 'dead' has x-message-ttl 9") as told:
        app.send_task("box.number", [1])
    assert "queues.dead.arguments.x-message-ttl: 9" in str(told.value.hint)
    assert commands(str(told.value.hint)) == [f"rabbitmqctl delete_queue --vhost {host.name} --if-empty dead"]
    agreed = (SIMPLE % "{dead_letter: dead}").replace("  other: {}", "  dead: {arguments: {x-message-ttl: 9}}")
    write(host.url, agreed).send_task("box.number", [1])
    assert depth(host.url, "crate") == 1


def test_an_argument_that_rabbitmq_does_not_take_is_told(host: Host, write: Callable[..., Celery]) -> None:
    app = write(host.url, SIMPLE % "{type: quorum, max_priority: 4}")
    with pytest.raises(QueueDiffers, match="does not take x-max-priority as the queue 'crate' has it") as told:
        app.send_task("box.number", [1])
    assert told.value.hint == "correct queues.crate.max_priority"


def test_a_long_name_leaves_rabbitmq_no_room_to_say_what_is_there(host: Host, write: Callable[..., Celery]) -> None:
    name = "c" * 128
    with Connection(host.url) as connection:
        Queue(name, Exchange(name), name, queue_arguments=x(max_length=5))(connection.default_channel).declare()
    app = write(host.url, (SIMPLE % "{arguments: {x-max-length: 6}}").replace("crate", name))
    with pytest.raises(QueueDiffers, match=r"has another x-max-length .* says arguments\.x-max-length: 6") as told:
        app.send_task("box.number", [1])
    assert str(told.value.hint).startswith("move over")


def test_the_length_of_a_preset_s_queue_cannot_be_taken_away(host: Host, write: Callable[..., Celery]) -> None:
    with Connection(host.url) as connection:
        Queue("cpu_ml_training", Exchange("cpu_tasks"), "cpu.ml")(connection.default_channel).declare()
    text = (
        "app: depot.app:app\nbroker: ${BROKER_URL}\nresults: none\nprofiles: {cpu: {preset: cpu, tasks: ['box.*']}}\n"
    )
    told = refusal(lambda: write(host.url, text).send_task("box.number", [1], queue="cpu_ml_training"))
    assert told.startswith("move over")


def test_a_broker_of_another_make_may_say_nothing_of_what_differs(write: Callable[..., Celery]) -> None:
    app = write("amqp://nobody", SIMPLE % "{}")
    queue = app.allotment.compiled.queues["crate"]
    text = "PRECONDITION_FAILED - Existing queue declared with other arguments"
    error = QueueFault.said(text, queue, app.allotment.plan).error()
    assert text in error.message
    assert commands(str(error.hint)) == ["rabbitmqctl delete_queue --if-empty crate"]


@pytest.mark.parametrize("url", ["amqp://guest:guest@127.0.0.1:1//", "redis://127.0.0.1:1/0"])
def test_a_broker_that_went_away_is_told_as_such(write: Callable[..., Celery], url: str) -> None:
    app = write(url, SIMPLE % "{max_length: 5}")
    with pytest.raises(BrokerUnreachable, match="port 1"):
        declare_queues(app, app.allotment.plan.workers[0])


def test_every_way_of_sending_tells_it(host: Host, write: Callable[..., Celery]) -> None:
    declare(host.url, CASES["max_length"])
    app = write(host.url, SIMPLE % "{max_length: 6}")
    app.conf.result_backend = "cache+memory://"

    @app.task(name="box.number")
    def number(value: int) -> int:
        return value

    one, other = number.si(1), number.si(1).set(queue="other")
    ways = [lambda: number.delay(1), one.apply_async, chain(one, other).apply_async, group(one, other).apply_async]
    for way in ways:
        with pytest.raises(QueueDiffers, match="x-max-length 5"):
            way()
        with ThreadPoolExecutor(4) as pool:
            for sent in [pool.submit(other.apply_async, ignore_result=True) for _ in range(8)]:
                sent.result()
    assert depth(host.url, "other") == 8 * len(ways)


def worker(path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "allotment", "worker", "--profile", "box", "--fleet", str(path)]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_worker_does_not_start_and_is_not_started_for_ever(host: Host, write: Callable[..., Celery]) -> None:
    declare(host.url, CASES["max_length"])
    app = write(host.url, SIMPLE % "{max_length: 5}")
    app.send_task("box.number", [1])
    write(host.url, SIMPLE % "{max_length: 6}")
    environment = {"BROKER_URL": host.url}
    ended = worker(app.allotment.file.path, environment)
    assert ended.returncode == 2, ended
    assert "error: the queue 'crate' has x-max-length 5 at the broker" in ended.stderr
    assert "help: make the file say what is there: queues.crate.max_length: 5" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    fleet = RunningFleet(app.allotment.file.path, environment=environment)
    with pytest.raises(AllotmentError, match="the queue 'crate' has x-max-length 5"):
        fleet.start()
    events = [event["event"] for event in fleet.events]
    assert (events.count("started"), events.count("again"), events.count("given-up")) == (1, 0, 1)
    assert depth(host.url, "crate") == 1
    assert depth(host.url, "other") == 0


def test_a_worker_that_may_declare_nothing_is_told(host: Host, write: Callable[..., Celery]) -> None:
    host.control("set_permissions", "-p", host.name, "guest", "^(celery|reply).*", ".*", ".*")
    app = write(host.url, SIMPLE % "{}")
    ended = worker(app.allotment.file.path, {"BROKER_URL": host.url})
    assert ended.returncode == 2, ended
    assert "queue 'crate' in vhost" in ended.stderr or "exchange 'crate' in vhost" in ended.stderr, ended.stderr
    assert "ACCESS_REFUSED" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def commands(hint: str) -> list[str]:
    return re.findall(r"`((?:rabbitmqctl|celery) [^`]+)`", hint)


def refusal(send: Callable[[], Any]) -> str:
    with pytest.raises(QueueDiffers) as told:
        send()
    return str(told.value.hint)


def test_a_queue_is_moved_over_as_the_hint_says(host: Host, write: Callable[..., Celery]) -> None:
    """Drained by workers of the old file, deleted with the command of the hint, and declared anew."""
    environment = {"BROKER_URL": host.url, "RESULT_URL": "none"}
    old = PROJECT.joinpath("fleet.yaml").read_text()
    new = old.replace("shelf: {max_length: 100", "shelf: {max_length: 200")
    app = write(host.url, old)
    app.send_task("box.number", [1], ignore_result=True)
    app.send_task("bag.number", [1], ignore_result=True)
    changed = write(host.url, new)
    hint = refusal(lambda: changed.send_task("bag.number", [1]))
    [command] = commands(hint)
    assert f"`{command}` for each NAME of shelf, shelf:box, shelf:bag, and start" in hint, hint
    write(host.url, old)
    with RunningFleet(app.allotment.file.path, environment=environment):
        until(lambda: not any(one["messages"] for one in host.listed("list_queues", "messages")))
    for name in ("shelf", "shelf:bag", "shelf:box"):
        program, *arguments = shlex.split(command.replace("NAME", name))
        assert program == "rabbitmqctl"
        assert "with 0 ready messages" in host.control(*arguments)
    write(host.url, new)
    with RunningFleet(app.allotment.file.path, environment=environment):
        write(host.url, new).send_task("bag.number", [1], ignore_result=True)
    held = {one["name"]: one["arguments"] for one in host.listed("list_queues", "name", "arguments")}
    assert all(["x-max-length", "signedint", 200] in held[name] for name in ("shelf", "shelf:bag", "shelf:box"))


def test_a_queue_gets_a_new_name_as_the_hint_says(host: Host, write: Callable[..., Celery]) -> None:
    """The old one is left as it is and emptied; what is new goes to the new one."""
    app = write(host.url, SIMPLE % "{max_length: 5}")
    app.send_task("box.number", [1])
    assert "give the queue a new name in the file" in refusal(
        lambda: write(host.url, SIMPLE % "{max_length: 6}").send_task("box.number", [1])
    )
    text = (SIMPLE % "{max_length: 5}").replace("default_queue: crate", "default_queue: chest")
    text = text.replace("  other: {}", "  chest: {max_length: 6}").replace("other]", "chest]")
    renamed = write(host.url, text)
    renamed.send_task("box.number", [2])
    assert (values(host.url, "chest"), depth(host.url, "crate")) == ([2], 1)
    with RunningFleet(app.allotment.file.path, environment={"BROKER_URL": host.url}):
        until(lambda: depth(host.url, "crate") == 0)


@pytest.mark.parametrize("way", ["delete", "another"])
def test_an_exchange_is_moved_over_as_the_hint_says(host: Host, write: Callable[..., Celery], way: str) -> None:
    declare(host.url, CASES["the exchange's type"])
    with Connection(host.url) as connection:
        connection.Producer().publish([[1], {}, {}], exchange="crate", routing_key="crate")
    text = SIMPLE % "{exchange_type: topic, routing_key: crate.#}"
    changed = write(host.url, text)
    [command] = commands(refusal(lambda: changed.send_task("box.number", [2])))
    if way == "delete":
        program, *arguments = shlex.split(command.replace("BROKER", host.url))
        assert program == "celery"
        subprocess.run([sys.executable, "-m", "celery", *arguments], check=True, capture_output=True)
        changed.send_task("box.number", [2])
    else:
        changed = write(host.url, text.replace("{exchange_type", "{exchange: wood, exchange_type"))
        changed.send_task("box.number", [2])
        with Connection(host.url) as connection:
            connection.Producer().publish([[3], {}, {}], exchange="crate", routing_key="crate")
    assert values(host.url, "crate") == [1, 2] + [3] * (way == "another")
