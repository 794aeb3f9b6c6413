"""A message that is put off: it is the same message, for later; and what happens where it cannot be sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.worker.request import Request
from kombu import Queue

from allotment.engine.client import keep_results_quiet
from allotment.engine.idempotency.keys import CallKey
from allotment.engine.idempotency.once import Keeper, run_once
from allotment.engine.idempotency.waiting import HEADER, NotTaken, pause
from allotment.engine.results import close_backend
from allotment.errors import IdempotencyUnknown
from allotment.model.idempotency import Idempotency
from allotment.testing.brokers import RedisServer

BY_ORDER = Idempotency(("order",))
OPTIONS: dict[str, Any] = {
    "link_error": [{"task": "told", "args": [], "kwargs": {}, "options": {}, "subtask_type": None, "immutable": True}],
    "headers": {"tenant": "north"},
    "argsrepr": "(***)",
    "shadow": "charge north",
    "time_limit": 60,
    "soft_time_limit": 50,
    "priority": 3,
    "group_id": "a-group",
    "group_index": 4,
    "chord": {"task": "told", "args": [], "kwargs": {}, "options": {"task_id": "body"}, "chord_size": 9},
    "chain": [{"task": "told", "args": [], "kwargs": {}, "options": {"task_id": "next"}, "immutable": True}],
    "replaced_task_nesting": 1,
    "ignore_result": False,
    "stamped_headers": ["tier"],
    "tier": "gold",
    "retries": 2,
}


class Desk:
    """An app with a task that is run once for each order, a queue, and the worker's side of it."""

    def __init__(self, url: str, queue: str) -> None:
        self.app = Celery(queue, broker=url, backend=url, set_as_current=False)
        self.app.conf.update(task_default_queue=queue, worker_hijack_root_logger=False)
        keep_results_quiet(self.app)
        self.queue = queue
        self.runs: list[int] = []

        @self.app.task(name="charge")
        def charge(order, note=""):
            self.runs.append(order)
            return [order, note]

        @self.app.task(name="told")
        def told(*values):
            return values

        self.task = self.app.tasks["charge"]
        self.app.tasks["told"]
        self.keeper = Keeper(self.app)
        run_once(self.task, BY_ORDER, self.keeper)

    def hold(self, order: int) -> None:
        """Have the call for an order run elsewhere."""
        key = CallKey(self.task, BY_ORDER).of("other", [order], {})
        assert key
        assert self.keeper.store.begin(key, "other", 60) is None

    def message(self) -> Any:
        """Take the message that waits; None: there is none."""
        with self.app.connection_for_read() as connection:
            message = Queue(self.queue)(connection.default_channel).get(no_ack=True)
            _ = message and message.payload
            return message

    def work(self, message: Any) -> Any:
        """Do what a worker's process does with a message, and give what it tells the worker."""
        request = Request(message, app=self.app, task=self.task, hostname="here", on_ack=_nothing, on_reject=_nothing)
        return request.execute()

    def state(self, identity: str) -> str:
        return str(self.app.AsyncResult(identity).state)


def _nothing(*_: Any, **__: Any) -> None: ...


@pytest.fixture
def desk(redis_server: RedisServer) -> Iterator[Desk]:
    desk = Desk(redis_server.url[:-1] + "9", f"desk-{uuid4().hex}")
    yield desk
    close_backend(desk.app)
    desk.app.close()


def test_it_is_the_same_message_for_later(desk: Desk) -> None:
    desk.hold(7)
    expires = datetime.now(UTC) + timedelta(hours=1)
    # as a worker sent it, in a canvas
    sent = desk.task.apply_async(
        [7], {"note": "x"}, root_id="the-root", parent_id="the-parent", expires=expires, **OPTIONS
    )
    first = desk.message()
    desk.work(first)
    second = desk.message()
    assert second is not None
    changed = {"eta", HEADER}
    assert {key: value for key, value in second.headers.items() if key not in changed} == {
        key: value for key, value in first.headers.items() if key not in changed
    }
    assert second.payload == first.payload
    kept = ("correlation_id", "reply_to", "priority", "delivery_mode", "content_type", "content_encoding")
    assert [second.properties.get(name) for name in kept] == [first.properties.get(name) for name in kept]
    assert second.headers[HEADER] == 1
    assert datetime.fromisoformat(second.headers["eta"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert desk.state(sent.id) == "PENDING", "it is neither done nor failed, and is no retry"
    assert desk.runs == []


def test_a_message_of_no_canvas_does_not_become_its_own_child(desk: Desk) -> None:
    desk.hold(7)
    sent = desk.task.delay(7)
    desk.work(desk.message())
    second = desk.message()
    assert (second.headers["root_id"], second.headers["parent_id"]) == (sent.id, None)
    assert second.headers["expires"] is None
    assert second.headers["timelimit"] == [None, None]


def test_it_is_put_off_for_longer_each_time_and_then_it_runs(desk: Desk) -> None:
    desk.hold(7)
    sent = desk.task.delay(7)
    message = desk.message()
    for count in range(1, 4):
        desk.work(message)
        message = desk.message()
        assert message.headers[HEADER] == count
    assert [pause(count) for count in (0, 1, 2, 3, 10, 10_000)] == [0.5, 1.0, 2.0, 4.0, 30.0, 30.0]
    key = CallKey(desk.task, BY_ORDER).of("other", [7], {})
    assert key
    desk.keeper.store.give_up(key, "other")
    desk.work(message)
    assert desk.runs == [7]
    assert sent.get(timeout=10) == [7, ""]


def test_deliveries_that_were_counted_are_not_forgotten(desk: Desk) -> None:
    desk.hold(7)
    desk.task.apply_async([7], headers={"x-delivery-count": 2, "allotment_deliveries": 3})
    desk.work(desk.message())
    again = desk.message()
    assert again.headers["allotment_deliveries"] == 5
    assert "x-delivery-count" not in again.headers


@pytest.mark.parametrize("late", [True, False])
def test_where_it_cannot_be_sent_its_worker_has_it_or_it_fails(desk: Desk, late: bool) -> None:
    desk.hold(7)
    desk.task.acks_late = late
    sent = desk.task.delay(7)
    message = desk.message()
    # on Redis a queue takes nothing if its name holds something else than a list
    desk.app.backend.client.set(desk.queue, "in the way")
    told = desk.work(message)
    desk.app.backend.client.delete(desk.queue)
    assert desk.runs == []
    if late:
        rejected = getattr(told.exception, "exc", told.exception)
        assert isinstance(rejected, NotTaken)
        assert rejected.requeue, "a worker of plain Celery gives it back"
        assert desk.state(sent.id) == "PENDING"
    else:
        with pytest.raises(IdempotencyUnknown, match="'charge' was not run"):
            sent.get(timeout=10)


def test_a_call_that_no_message_made_is_run_as_it_is(desk: Desk) -> None:
    desk.hold(7)
    assert desk.task(7) == [7, ""]
    assert desk.task.apply([7]).get() == [7, ""]
    assert desk.runs == [7, 7]


def test_arguments_that_do_not_fit_fail_as_they_would(desk: Desk) -> None:
    desk.app.send_task("charge", kwargs={"ordr": 7}, task_id=(identity := uuid4().hex), task_type=None)
    desk.work(desk.message())
    with pytest.raises(TypeError, match="ordr"):
        desk.app.AsyncResult(identity).get(timeout=10)
