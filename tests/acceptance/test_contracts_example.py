"""The example of contracts: a producer and a consumer in environments of their own, which share the contracts alone."""

import importlib.util
import json
import os
import random
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from acceptance.conftest import clean_environment
from kombu import Connection

from allotment.testing.brokers import BrokerServer, RedisServer
from allotment.testing.fixtures import require

EXAMPLE = Path(__file__).parents[2] / "examples" / "contracts"
pytestmark = pytest.mark.timeout(300)  # an empty cache is filled from the package index first

QUEUE = "shop.orders"
CALLS = 1000

PUBLIC_HOLIDAYS_2026 = {
    "DE": ["01-01", "04-03", "04-06", "05-01", "05-14", "05-25", "10-03", "12-25", "12-26"],
    "FR": ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25"],
}
WORKING_DAYS = {"standard": 3, "express": 1}

SEND = """
import json, sys
from datetime import date
from decimal import Decimal
from uuid import UUID
from celery_tasks import Country, Line, Order, Receipt, Ship, Speed, quote

def order(given):
    lines = tuple(Line(name, quantity, Decimal(price)) for name, quantity, price in given["lines"])
    return Order(UUID(given["id"]), date.fromisoformat(given["ordered"]), Country(given["country"]), lines)

sent = []
for call in json.load(open(sys.argv[1])):
    one = order(call["order"])
    if call["task"] == "quote":
        sent.append(quote.delay(one, call["discount"] and Decimal(call["discount"])))
    else:
        sent.append(Ship.delay(one, speed=Speed(call["speed"]), note=call["note"]))
for result in sent:
    value = result.get(timeout=60)
    fields = {None: value} if type(value) is not Receipt else dict(value)
    print(json.dumps([type(value).__name__, [[name, type(one).__name__, str(one)] for name, one in fields.items()]]))
"""

WRONG = """
import asyncio, datetime, decimal, uuid
from allotment import ArgumentsInvalid
from celery_tasks import Country, Line, Order, Ship, quote

order = Order(uuid.uuid4(), datetime.date(2026, 1, 1), Country.FRANCE, (Line("mug", 1, decimal.Decimal("8.90")),))
flawed = Order(str(order.id), order.ordered, order.country, order.lines)
for call in (
    lambda: quote.delay("order 1"),
    lambda: quote.delay(flawed),
    lambda: quote.delay(order, 0.1),
    lambda: quote.delay(order, "0.1"),
    lambda: quote.delay(),
    lambda: quote.delay(order, None, 3),
    lambda: quote.delay(order, rebate=None),
    lambda: quote.apply_async((order,), {"order": order}),
    lambda: quote.s(discount=decimal.Decimal(1)).delay(),
    lambda: quote.si(),
    lambda: asyncio.run(quote.adelay(7)),
    lambda: Ship.delay(order, "express"),
    lambda: Ship.delay(),
    lambda: Ship().delay(order, colour="red"),
    lambda: asyncio.run(Ship.adelay(None)),
):
    try:
        call()
    except ArgumentsInvalid as error:
        print(error)
    else:
        print("sent")
"""
WRONG_CALLS = 15

SEND_ONE = """
import datetime, uuid
from celery_tasks import Country, Order, Ship
Ship.delay(Order(uuid.uuid4(), datetime.date(2026, 1, 2), Country.FRANCE, ()))
"""


@dataclass(frozen=True)
class Pythons:
    """The two environments."""

    producer: Path
    consumer: Path


@dataclass(frozen=True)
class Broker:
    """A broker as the programs are told of it, and as the test looks at it."""

    server: BrokerServer
    variables: Mapping[str, str]

    def run(self, *words: object, folder: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(word) for word in words],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        outside = {key: value for key, value in clean_environment().items() if key != "PYTHONPATH"}
        return outside | dict(self.variables)

    @contextmanager
    def channel(self) -> Iterator[Any]:
        with Connection(self.server.url) as connection:
            yield connection.default_channel

    def waiting(self) -> int | None:
        """Count the messages in the queue; None: there is no queue, and there never was a message since `empty`."""
        with Connection(self.server.url) as connection:
            try:
                return int(connection.default_channel.queue_declare(QUEUE, passive=True).message_count)
            except connection.channel_errors:
                return None

    def pushes(self) -> int:
        """Count the messages that Redis was given since it was started."""
        with self.channel() as channel:
            return int(channel.client.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0))

    def empty(self) -> None:
        with self.channel() as channel:
            channel.queue_delete(QUEUE)


@pytest.fixture(scope="session")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> Pythons:
    """Make the two environments as the example does, from this checkout."""
    specification = importlib.util.spec_from_file_location("try_it", EXAMPLE / "try_it.py")
    try_it = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(try_it)
    folder = tmp_path_factory.mktemp("contracts")
    try:
        wheels = try_it.build(folder)
        return Pythons(
            try_it.producer_environment(folder / "producer", wheels),
            try_it.consumer_environment(folder / "consumer", wheels),
        )
    except subprocess.CalledProcessError as error:
        if os.environ.get("CI") or _index_answers():
            raise
        pytest.skip(f"the package index cannot be reached, and not all is in the cache: {error}")


def _index_answers() -> bool:
    try:
        with socket.create_connection(("pypi.org", 443), timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisServer]:
    """Give a Redis that nobody else sends to, so that its counters are ours."""
    require(RedisServer)
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module", params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Give each broker in turn, named to the programs as it is in the example."""
    if request.param == "redis":
        server = request.getfixturevalue("own_redis")
        return Broker(server, {"BROKER_URL": server.url})
    server = request.getfixturevalue("rabbitmq")
    names = {"HOST": "127.0.0.1", "PORT": str(server.port), "USER": "guest", "PASSWORD": "guest"}
    return Broker(server, {f"RABBITMQ_{key}": value for key, value in names.items()})


@pytest.fixture
def empty(broker: Broker) -> Iterator[Broker]:
    """Give a broker that has no queue of the example, and no worker."""
    broker.empty()
    yield broker
    broker.empty()


@dataclass(frozen=True)
class Answered:
    """What the producer's programs printed while a worker answered them."""

    calls: list[dict[str, Any]]
    thousand: "subprocess.CompletedProcess[str]"
    shown: "subprocess.CompletedProcess[str]"
    in_asyncio: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def answered(pythons: Pythons, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    """Run a worker and the producer's programs, each in its own environment."""
    folder = tmp_path_factory.mktemp("answered")
    calls = made_up_calls()
    (folder / "calls.json").write_text(json.dumps(calls))
    (folder / "send.py").write_text(SEND)
    worker = [pythons.consumer, "-m", "consumer"]
    if broker.server.name == "redis":
        worker = [pythons.consumer.parent / "celery", "-A", "consumer.app", "worker"]
    with consuming(broker, *worker, "-n", "contracts@%h", "--concurrency", "2", folder=folder):
        return Answered(
            calls,
            broker.run(pythons.producer, "send.py", "calls.json", folder=folder),
            broker.run(pythons.producer, "-m", "producer", folder=folder),
            broker.run(pythons.producer, "-m", "producer.in_asyncio", folder=folder),
        )


@contextmanager
def consuming(broker: Broker, *words: object, folder: Path) -> Iterator[None]:
    """Run a worker; what is sent before it is ready waits for it."""
    path = folder / "consumer.log"
    with path.open("w") as log:
        worker = subprocess.Popen(
            [str(word) for word in words], cwd=folder, env=broker.environment, stdout=log, stderr=log
        )
        try:
            yield
            assert worker.poll() is None, path.read_text()
        finally:
            worker.terminate()
            worker.wait(30)


def made_up_calls() -> list[dict[str, Any]]:
    """Make calls with every kind of value that the contracts have."""
    chance = random.Random(23)
    calls = []
    for number in range(CALLS):
        order = {
            "id": str(UUID(int=chance.getrandbits(128))),
            "ordered": str(date(2026, 1, 1) + timedelta(days=chance.randrange(350))),
            "country": chance.choice(["DE", "FR"]),
            "lines": [
                [chance.choice(["mug", "Straßenkarte", "a, \"b\" 'c'"]), chance.randint(1, 9), _price(chance)]
                for _ in range(chance.randint(0, 4))
            ],
        }
        if number % 2:
            calls.append({"task": "quote", "order": order, "discount": chance.choice([None, "0.1", "0.333", "0"])})
        else:
            speed, note = chance.choice(["standard", "express"]), chance.choice([None, "", "mind the 🐈"])
            calls.append({"task": "ship", "order": order, "speed": speed, "note": note})
    return calls


def _price(chance: random.Random) -> str:
    return f"{chance.randrange(1000)}.{chance.randrange(100):02}"


def expected(call: Mapping[str, Any]) -> tuple[str, dict[str | None, tuple[str, object]]]:
    """Work out what the consumer must answer: the type, and the type and value of each field."""
    order = call["order"]
    total = sum((Fraction(price) * quantity for _, quantity, price in order["lines"]), Fraction(0))
    if call["task"] == "quote":
        return "Decimal", {None: ("Decimal", total * (1 - Fraction(call["discount"] or 0)))}
    day, left = date.fromisoformat(order["ordered"]), WORKING_DAYS[call["speed"]]
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and f"{day:%m-%d}" not in PUBLIC_HOLIDAYS_2026[order["country"]]
    return "Receipt", {
        "order": ("UUID", order["id"]),
        "total": ("Decimal", total),
        "delivered": ("date", str(day)),
        "note": ("NoneType" if call["note"] is None else "str", str(call["note"])),
    }


def received(line: str) -> tuple[str, dict[str | None, tuple[str, object]]]:
    """Read a line of the producer's; Decimals are compared exactly."""
    kind, fields = json.loads(line)
    return kind, {name: (its, Fraction(text) if its == "Decimal" else text) for name, its, text in fields}


def test_neither_side_has_the_other(pythons: Pythons) -> None:
    for python, module in (
        (pythons.producer, "consumer"),
        (pythons.producer, "holidays"),
        (pythons.consumer, "producer"),
    ):
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [python, "-c", f"import {module}"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.endswith(f"ModuleNotFoundError: No module named '{module}'\n")
    subprocess.run([pythons.consumer, "-c", "import holidays, celery_tasks"], check=True)
    subprocess.run([pythons.producer, "-c", "import sys, celery_tasks; sys.exit('celery' in sys.modules)"], check=True)


def test_a_thousand_calls_are_answered_with_what_was_asked_for(answered: Answered) -> None:
    assert answered.thousand.returncode == 0, answered.thousand.stderr
    lines = answered.thousand.stdout.splitlines()
    assert [received(line) for line in lines] == [expected(call) for call in answered.calls]


def test_the_programs_of_the_example_print_what_they_should(answered: Answered) -> None:
    assert answered.shown.returncode == 0, answered.shown.stderr
    lines = answered.shown.stdout.splitlines()
    # Wednesday 23 December 2026: the 25th is a holiday, the 26th one and a Saturday
    assert [line.partition("total=")[2] for line in lines[:3]] == [
        "Decimal('21.40'), delivered=datetime.date(2026, 12, 29), note='a present')",
        "Decimal('42.80'), delivered=datetime.date(2026, 12, 24), note='a present')",
        "Decimal('64.20'), delivered=datetime.date(2026, 12, 24), note='a present')",
    ]
    assert lines[3] == "Decimal('19.260')"
    assert lines[4].startswith("not sent: the arguments do not fit shop.quote(order: Order")
    assert answered.in_asyncio.returncode == 0, answered.in_asyncio.stderr
    assert answered.in_asyncio.stdout == "100 prices, from 21.40 to 2140.00\n"


def test_a_worker_that_is_handed_the_contract_alone_does_not_start(
    pythons: Pythons, empty: Broker, tmp_path: Path
) -> None:
    sent = empty.run(pythons.producer, "-c", SEND_ONE, folder=tmp_path)
    assert sent.returncode == 0, sent.stderr
    assert empty.waiting() == 1
    for given, bind in (
        ("Ship", "make a subclass of Ship (from celery_tasks.tasks) with a method `run`"),
        ("quote", "bind a function with @implements(quote) (quote from celery_tasks.tasks)"),
    ):
        (tmp_path / f"mistaken_{given}.py").write_text(
            f"from allotment import create_worker_from\nfrom celery_tasks import {given}\n"
            f"app, task = create_worker_from({given})\n"
        )
        done = empty.run(pythons.consumer, "-m", "celery", "-A", f"mistaken_{given}", "worker", folder=tmp_path)
        assert done.returncode == 2, done.stderr
        assert f"error: celery_tasks.tasks:{given} is the contract of the task 'shop.{given.lower()}'" in done.stderr
        assert f"  help: {bind}" in done.stderr
        assert "Traceback" not in done.stderr
        if given == "Ship":
            assert (
                "".join(f"    {line}\n" for line in done.stderr.splitlines()[-2:])
                in (EXAMPLE / "README.md").read_text()
            )
    assert empty.waiting() == 1
    with empty.channel() as channel:
        message = channel.basic_get(QUEUE)
        assert message is not None
        assert not message.delivery_info.get("redelivered"), "a worker took it and gave it back"
        channel.basic_ack(message.delivery_tag)


def test_wrong_arguments_are_told_to_the_producer_and_do_not_reach_the_broker(
    pythons: Pythons, empty: Broker, tmp_path: Path
) -> None:
    pushes = empty.pushes() if empty.server.name == "redis" else None
    done = empty.run(pythons.producer, "-c", WRONG, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == WRONG_CALLS
    for line in lines:
        assert line.startswith(
            (
                "the arguments do not fit shop.quote(order: Order, discount: ",
                "the arguments do not fit shop.ship(order: Order, speed: Speed = …, note: str | None = …) -> Receipt: ",
            )
        )
    assert "missing a required argument: 'order'" in lines[4]
    assert "too many positional arguments" in lines[5]
    assert "got an unexpected keyword argument 'rebate'" in lines[6]
    if pushes is None:
        assert empty.waiting() is None, "there is a queue, so something was sent"
    else:
        assert empty.pushes() == pushes
    right = empty.run(pythons.producer, "-c", SEND_ONE, folder=tmp_path)
    assert right.returncode == 0, right.stderr
    assert empty.waiting() == 1
    if pushes is not None:
        assert empty.pushes() == pushes + 1
