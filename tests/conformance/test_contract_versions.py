"""Two versions of the same contracts, side by side: workers and producers in processes of their own."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from allotment.engine.quarantine import dead_queue
from allotment.testing.brokers import BrokerServer

CONTRACTS = {
    "old": """
from allotment import contract

@contract(name="QUEUE.added", queue="QUEUE")
def added(parcel: str, count: int) -> str: ...

@contract(name="QUEUE.renamed", queue="QUEUE")
def renamed(weight: int) -> str: ...

@contract(name="QUEUE.retyped", queue="QUEUE")
def retyped(amount: int) -> str: ...

@contract(name="QUEUE.same", queue="QUEUE")
def same(parcel: str) -> str: ...
""",
    "new": """
from allotment import contract

@contract(name="QUEUE.added", queue="QUEUE")
def added(parcel: str, count: int, fragile: bool = False) -> str: ...

@contract(name="QUEUE.renamed", queue="QUEUE")
def renamed(grams: int) -> str: ...

@contract(name="QUEUE.retyped", queue="QUEUE")
def retyped(amount: str) -> str: ...

@contract(name="QUEUE.same", queue="QUEUE")
def same(parcel: str) -> str: ...
""",
}
"""The contracts as the two versions have them; the queue of each test stands for QUEUE."""

WORK = {
    "old": """
@implements(parcels.added)
def added(parcel: str, count: int) -> str:
    return ran(f"old {parcel} {count}")

@implements(parcels.renamed)
def renamed(weight: int) -> str:
    return ran(f"old {weight}")

@implements(parcels.retyped)
def retyped(amount: int) -> str:
    return ran(f"old {amount}")
""",
    "new": """
@implements(parcels.added)
def added(parcel: str, count: int, fragile: bool = False) -> str:
    return ran(f"new {parcel} {count} {fragile}")

@implements(parcels.renamed)
def renamed(grams: int) -> str:
    return ran(f"new {grams}")

@implements(parcels.retyped)
def retyped(amount: str) -> str:
    return ran(f"new {amount}")
""",
}
WORKER = """
from pathlib import Path
from allotment import create_worker_from, implements
import parcels

def ran(text):
    with Path("ran.log").open("a") as log:
        log.write(text + "\\\\n")
    return text

@implements(parcels.same)
def same(parcel: str) -> str:
    return ran(f"same {parcel}")
CODE
app, task = create_worker_from(same)
""".replace("\\\\", "\\")

PRODUCER = """
import json, sys
import allotment, parcels

sent = [getattr(parcels, name).delay(*args, **kwargs) for name, args, kwargs in json.loads(sys.argv[1])]
for result in sent:
    try:
        print(json.dumps(result.get(timeout=20)))
    except Exception as error:
        known = isinstance(error, getattr(allotment, type(error).__name__, ()))
        print(json.dumps([type(error).__name__ if known else repr(error), str(error)]))
"""

PLAIN = """
import json, os, sys
from celery import Celery

url = os.environ["BROKER_URL"]
app = Celery(broker=url, backend="rpc://" if url.startswith("amqp") else url)
sent = [
    app.send_task(name, args, kwargs, queue=name.partition(".")[0], headers=headers)
    for name, args, kwargs, headers in json.loads(sys.argv[1].replace("LONG", "x" * 100_000))
]
for result in sent:
    try:
        print(json.dumps(result.get(timeout=20)))
    except Exception as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""

HOSTILE = [
    "text",
    "",
    7,
    True,
    [],
    [{"digest": "0"}],
    {},
    {"digest": 1},
    {"digest": [], "shape": {}},
    {"digest": "0", "shape": "no JSON"},
    {"digest": "0", "shape": "[]"},
    {"digest": "0", "shape": '["QUEUE.same", 7, {}, "", {}]'},
    {"digest": "0", "shape": '["QUEUE.same", [["parcel", "no kind", true, {}, "str"]], {}, "", {}]'},
    {"digest": "0", "shape": '["QUEUE.same", [["parcel", "keyword-only", true, {"$ref": "#/a"}, "s"]], {}, "", {}]'},
    {"digest": "0", "shape": '["another", [], {"type": "string"}, "str", {}]'},
    {"digest": "0", "shape": "[" * 20_000},
    # RabbitMQ takes no more than 128 KiB of headers, and the reason goes there too
    "LONG",
    {"digest": "0", "shape": "LONG"},
    {"digest": "0", "shape": "", "more": "LONG"},
    {"digest": "0", "shape": '["QUEUE.same", [["parcel", "keyword-only", true, {}, "LONG"]], {}, "", {}]'},
    {"digest": "0", "shape": '["QUEUE.same", [["\\u001b[31m\\n", "keyword-only", true, {}, "s"]], {}, "", {}]'},
]


@dataclass(frozen=True)
class Side:
    """A broker, a queue of this test's own, and a folder with each version's modules."""

    server: BrokerServer
    queue: str
    folder: Path

    @contextmanager
    def worker(self, version: str) -> Iterator[None]:
        """Run a worker of a version; what is sent before it is ready waits for it."""
        name = f"{version}-{self.queue}@%h"
        words = ["celery", "-A", "work", "worker", "-n", name, "-P", "solo", "--without-mingle", "--without-gossip"]
        path = self.folder / version / "worker.log"
        with ExitStack() as stack:
            log = stack.enter_context(path.open("w"))
            worker = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", *words],
                    cwd=self.folder / version,
                    env=self.environment(version),
                    stdout=log,
                    stderr=log,
                )
            )
            stack.callback(worker.terminate)
            yield
            assert worker.poll() is None, path.read_text()

    def environment(self, version: str) -> dict[str, str]:
        outside = {key: value for key, value in os.environ.items() if not key.startswith("RABBITMQ_")}
        outside.pop("RESULT_URL", None)
        return outside | {"BROKER_URL": self.server.url, "PYTHONPATH": str(self.folder / version)}

    def send(self, version: str, *calls: tuple[str, Sequence[Any], Mapping[str, Any]]) -> list[Any]:
        """Send calls with a version's contracts; give each value, or the name and text of the error."""
        return self._run(version, PRODUCER, calls)

    def send_plainly(self, *calls: tuple[str, Sequence[Any], Mapping[str, Any], Mapping[str, Any] | None]) -> list[Any]:
        """Send calls with Celery alone, which knows no contracts."""
        return self._run("old", PLAIN, [(f"{self.queue}.{name}", *more) for name, *more in calls])

    def _run(self, version: str, program: str, calls: Sequence[Any]) -> list[Any]:
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(calls)],
            env=self.environment(version),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def ran(self, version: str) -> list[str]:
        """Give what the worker of a version has run."""
        path = self.folder / version / "ran.log"
        return path.read_text().splitlines() if path.exists() else []

    def set_aside(self) -> list[Any]:
        """Take this test's messages out of the queue of those set aside."""
        with Connection(self.server.url) as connection:
            dead = dead_queue()(connection.default_channel)
            dead.declare()
            messages = list(iter(dead.get, None))
            found = [one for one in messages if one.headers["allotment_dead"]["queue"] == self.queue]
            for message in messages:
                message.ack() if message in found else message.requeue()
        return found


@pytest.fixture(params=["rabbitmq", "redis_server"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    """Give each broker in turn, with the modules of both versions."""
    side = Side(request.getfixturevalue(request.param), f"parcels-{uuid.uuid4().hex[:8]}", tmp_path)
    for version, text in CONTRACTS.items():
        folder = tmp_path / version
        folder.mkdir()
        (folder / "parcels.py").write_text(text.replace("QUEUE", side.queue))
        (folder / "work.py").write_text(WORKER.replace("CODE", WORK[version]))
    yield side
    with Connection(side.server.url) as connection:
        connection.default_channel.queue_delete(side.queue)


def reasons(messages: Sequence[Any]) -> dict[str, str]:
    """Give the reason in words for each task that was set aside; each has the reason of this page."""
    assert {message.headers["allotment_dead"]["reason"] for message in messages} <= {"contract-differs"}
    return {
        message.headers["task"].partition(".")[2]: message.headers["allotment_dead"]["detail"] for message in messages
    }


def test_a_newer_producer_and_an_older_worker(side: Side) -> None:
    with side.worker("old"):
        without, given, by_position, renamed, retyped, same = side.send(
            "new",
            ("added", ["a", 1], {}),
            ("added", ["b", 2], {"fragile": True}),
            ("added", ["c", 3, False], {}),
            ("renamed", [5], {}),
            ("retyped", ["5"], {}),
            ("same", ["d"], {}),
        )
    assert without == "old a 1"
    assert same == "same d"
    added = "(parcel: str, count: int, fragile: bool = …) -> str", "(parcel: str, count: int) -> str"
    for error, task, ours, theirs in (
        (given, "added", *added),
        (by_position, "added", *added),
        (renamed, "renamed", "(grams: int) -> str", "(weight: int) -> str"),
        (retyped, "retyped", "(amount: str) -> str", "(amount: int) -> str"),
    ):
        assert error[0] == "ContractDiffers"
        assert f"sent as {side.queue}.{task}{ours}, and this worker has {side.queue}.{task}{theirs}: " in error[1]
    assert "it gives 'fragile', which this worker does not have" in given[1]
    kept = side.set_aside()
    assert len(kept) == 4
    assert reasons(kept) == {"added": by_position[1], "renamed": renamed[1], "retyped": retyped[1]}
    arguments = [message.payload[0] for message in kept]
    assert sorted(arguments, key=str) == [["5"], ["b", 2], ["c", 3, False], [5]]
    assert side.ran("old") == ["old a 1", "same d"]


def test_an_older_producer_and_a_newer_worker(side: Side) -> None:
    with side.worker("new"):
        added, renamed, retyped, same = side.send(
            "old", ("added", ["a", 1], {}), ("renamed", [5], {}), ("retyped", [5], {}), ("same", ["d"], {})
        )
    assert added == "new a 1 False"
    assert same == "same d"
    assert [renamed[0], retyped[0]] == ["ContractDiffers", "ContractDiffers"]
    assert f"sent as {side.queue}.renamed(weight: int) -> str" in renamed[1]
    assert f"this worker has {side.queue}.retyped(amount: str) -> str" in retyped[1]
    assert reasons(side.set_aside()) == {"renamed": renamed[1], "retyped": retyped[1]}
    assert side.ran("new") == ["new a 1 False", "same d"]


def test_both_versions_run_side_by_side(side: Side) -> None:
    """Each worker takes what comes: a call that one cannot run is told of, and nothing is run otherwise than meant."""
    new, old = [], []
    deadline = time.monotonic() + 60
    with side.worker("old"), side.worker("new"):
        while not (side.ran("old") and side.ran("new")) or len(new) < 20:
            assert time.monotonic() < deadline, "only one of the two workers took anything"
            new += side.send(
                "new", *(("added", [f"n{number}", number], {}) for number in range(len(new), len(new) + 20))
            )
            old += side.send(
                "old", *(("added", [f"o{number}", number], {}) for number in range(len(old), len(old) + 20))
            )
    ran = side.ran("old") + side.ran("new")
    for letter, values in (("n", new), ("o", old)):
        for number, value in enumerate(values):
            assert value in {f"old {letter}{number} {number}", f"new {letter}{number} {number} False"}
    assert sorted(ran) == sorted(new + old)
    assert side.set_aside() == []


def test_a_producer_of_plain_celery_is_run_if_its_arguments_fit(side: Side) -> None:
    with side.worker("new"):
        fits, default, missing, extra, mistyped = side.send_plainly(
            ("added", ["a", 1, True], {}, None),
            ("added", [], {"parcel": "b", "count": 2}, None),
            ("added", ["c"], {}, None),
            ("added", ["d", 4], {"colour": "red"}, None),
            ("added", ["e", "5"], {}, None),
        )
    assert [fits, default] == ["new a 1 True", "new b 2 False"]
    signature = f"{side.queue}.added(parcel: str, count: int, fragile: bool = …) -> str"
    for error, why in ((missing, "'count'"), (extra, "'colour'"), (mistyped, "not '5'")):
        assert error[0] == "ArgumentsInvalid"
        assert signature in error[1]
        assert why in error[1]
    assert side.ran("new") == ["new a 1 True", "new b 2 False"]
    assert side.set_aside() == []


def test_a_header_that_is_no_contract_sets_the_message_aside_and_the_worker_lives(side: Side) -> None:
    headers = [{"allotment_contract": json.loads(json.dumps(one).replace("QUEUE", side.queue))} for one in HOSTILE]
    with side.worker("new"):
        told = side.send_plainly(*(("same", [str(number)], {}, header) for number, header in enumerate(headers)))
        after = side.send("new", ("same", ["after"], {}))
    assert [error[0] for error in told] == ["ContractDiffers"] * len(HOSTILE)
    assert after == ["same after"]
    assert side.ran("new") == ["same after"]
    kept = side.set_aside()
    assert sorted(int(message.payload[0][0]) for message in kept) == list(range(len(HOSTILE)))
    whys = [message.headers["allotment_dead"] for message in kept]
    assert {why["reason"] for why in whys} == {"contract-differs"}
    assert all(why["detail"].isprintable() and len(why["detail"]) < 2100 for why in whys)
