"""A repeat, or a call that is done, while the broker has no room for it or the store of keys does not answer."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from celery.result import AsyncResult
from conformance.conftest import own_place
from conformance.till_tools import WAIT, Till, project, running, until

from allotment.errors import QueueFull
from allotment.testing.brokers import RedisServer


@pytest.fixture
def apart(redis_server: RedisServer, tmp_path: Path) -> Iterator[tuple[Till, RedisServer]]:
    """Give a fleet with its messages at one server and its keys at another, which may be stopped."""
    folder = project(tmp_path)
    with (folder / "fleet.yaml").open("a") as file:
        file.write("nodes: {local: {workers: {fork: 1}}}\n")
    with (
        RedisServer() as store,
        running(folder, {"BROKER_URL": redis_server.url[:-1] + "8", "RESULT_URL": store.url}) as till,
    ):
        yield till, store


def test_calls_wait_until_the_store_answers(apart: tuple[Till, RedisServer]) -> None:
    till, store = apart
    order = uuid4().hex
    store.stop()
    sent = till.signature("charge", order).set(ignore_result=True)
    identities = [sent.apply_async().id for _ in range(2)]
    until(lambda: all(till.said("put off", identity, "does not answer") for identity in identities))
    assert till.ran("charge", order) == []
    store.start()
    until(lambda: till.ran("charge", order))
    assert till.send("charge", order).get(timeout=WAIT)[0] == order
    assert len(till.ran("charge", order)) == 1


def test_what_was_done_while_the_store_was_away_is_neither_lost_nor_done_again(apart: tuple[Till, RedisServer]) -> None:
    till, store = apart
    order = uuid4().hex
    gate = till.close_gate(order)
    result = till.send("charge", order)
    until(lambda: till.ran("charge", order))
    store.stop()
    until(lambda: till.said(result.id, "its lease cannot be renewed"))
    gate.unlink()
    until(lambda: till.said(result.id, "waits for the store of keys to know"))
    store.start()
    until(lambda: till.app.AsyncResult(result.id).state == "SUCCESS")
    receipt = till.app.AsyncResult(result.id).result
    assert receipt[0] == order
    assert till.send("charge", order).get(timeout=WAIT) == receipt
    assert len(till.ran("charge", order)) == 1


def test_a_soft_time_limit_does_not_undo_what_is_done_and_waits_for_the_store(apart: tuple[Till, RedisServer]) -> None:
    till, store = apart
    order = uuid4().hex
    gate = till.close_gate(order)
    result = till.send("charge", order, soft_time_limit=10)
    until(lambda: till.ran("charge", order))
    store.stop()
    gate.unlink()
    until(lambda: till.said(result.id, "waits for the store of keys to know"))
    until(lambda: till.said(result.id, "its soft time limit passed when it was done"))
    store.start()
    until(lambda: till.app.AsyncResult(result.id).state == "SUCCESS")
    receipt = till.app.AsyncResult(result.id).result
    assert till.send("charge", order).get(timeout=WAIT) == receipt
    assert len(till.ran("charge", order)) == 1


NARROW = """
app: till.app:app
broker: ${BROKER_URL:-embedded}
results: ${RESULT_URL:-embedded}
default_queue: elsewhere
tasks:
  till.charge: {delivery: at-least-once, idempotent: {key: order, lease: 2s}}
queues:
  elsewhere: {type: classic}
  fork: {type: classic, max_length: 1, delivery_limit: 1}
  threads: {type: classic, max_length: 1, delivery_limit: 1}
  green: {type: classic, max_length: 1, delivery_limit: 1}
  patient: {type: classic, max_length: 1, delivery_limit: 2}
profiles:
  elsewhere: {queues: [elsewhere], pool: threads, concurrency: 8}
  fork: {queues: [fork, patient], pool: prefork, concurrency: 1}
  threads: {queues: [threads], pool: threads, concurrency: 1}
  green: {queues: [green], pool: gevent, concurrency: 1}
"""
"""A fleet whose queues have no room for a repeat that is put off, and where one delivery too many is told at once.

None of them is a quorum queue, or a repeat would wait at RabbitMQ until it is due.
"""


@pytest.fixture(scope="module", params=["embedded", "redis", "rabbitmq"])
def narrow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    """Give it on each broker, of which RabbitMQ refuses in its own way."""
    folder = project(tmp_path_factory.mktemp(f"narrow-{request.param}"))
    (folder / "fleet.yaml").write_text(NARROW)
    with own_place(request.param, request) as environment, running(folder, environment) as found:
        yield found


def _hold_repeat(till: Till, order: str, queue: str, worker: str) -> AsyncResult:
    """Send a call whose first runs elsewhere, and have its worker find no room when it is to be put off."""
    repeat = till.send("charge", order, queue=queue)
    until(lambda: till.said("put off for 4s", repeat.id))
    inspect = till.app.control.inspect([worker], limit=1)
    until(lambda: repeat.id in str(inspect.scheduled()))
    till.app.control.cancel_consumer(queue, destination=[worker], reply=True, limit=1)
    until(lambda: _is_full(till, queue))
    until(lambda: len(till.said("could not be put off", repeat.id)) > 1)
    return repeat


def _is_full(till: Till, queue: str) -> bool:
    try:
        till.send("note", "filler", uuid4().hex, queue=queue)
    except QueueFull:
        return True
    return False


def test_a_repeat_that_cannot_be_put_off_waits_in_its_worker_and_is_not_counted(narrow: Till) -> None:
    order, queues = uuid4().hex, ("fork", "threads", "green")
    gate = narrow.close_gate(order)
    first = narrow.send("charge", order, queue="elsewhere")
    until(lambda: narrow.ran("charge", order))
    with ThreadPoolExecutor(len(queues)) as senders:
        repeats = list(senders.map(lambda queue: _hold_repeat(narrow, order, queue, f"{queue}-1@local"), queues))
    for queue in queues:
        narrow.app.control.add_consumer(queue, reply=True)
    gate.unlink()
    receipt = first.get(timeout=WAIT)
    assert [repeat.get(timeout=WAIT) for repeat in repeats] == [receipt] * len(queues)
    assert len(narrow.ran("charge", order)) == 1


def test_a_repeat_that_waits_in_its_worker_does_not_keep_it_from_stopping(narrow: Till) -> None:
    order = uuid4().hex
    gate = narrow.close_gate(order)
    first = narrow.send("charge", order, queue="elsewhere")
    until(lambda: narrow.ran("charge", order))
    repeat = _hold_repeat(narrow, order, "patient", "fork-1@local")
    worker = narrow.app.control.inspect(["fork-1@local"], limit=1).stats()["fork-1@local"]["pid"]
    os.kill(worker, signal.SIGTERM)
    until(lambda: not psutil.pid_exists(worker))
    assert narrow.app.AsyncResult(first.id).state == "PENDING", "the first still runs"
    gate.unlink()
    assert repeat.get(timeout=WAIT) == first.get(timeout=WAIT)
    assert len(narrow.ran("charge", order)) == 1
