"""RabbitMQ: headers that its tables may hold, and that stop a client which cannot read or repeat them."""

import struct
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from amqp import serialization
from celery.result import AsyncResult
from conformance.conftest import Crew
from conformance.test_guard import take_dead
from conformance.test_guard_hostile import BODY, JSON, Case, publish
from conformance.test_guard_poison import until
from kombu import Connection

from allotment.engine.dead.letters import read
from allotment.engine.publishing.dropped import dropped_counts
from allotment.engine.quarantine import dead_queue
from allotment.model.names import DEAD_QUEUE, DROPPED_QUEUE

ODD = {
    "a date after the year 9999": (b"\x04when" + b"T" + struct.pack(">Q", 2**62), "undecodable"),
    "a text that is not in UTF-8": (b"\x04textS\x00\x00\x00\x02\xff\xfe", "unknown-task"),
    "a name that is not in UTF-8": (b"\x02\xff\xfeS\x00\x00\x00\x01a", "unknown-task"),
    "a very small decimal": (b"\x03decD\xff\x7f\xff\xff\xff", "unknown-task"),
    "bytes": (b"\x03rawx\x00\x00\x00\x02\xff\xfe", "unknown-task"),
}


pytestmark = pytest.mark.parametrize("crew", ["rabbitmq"], indirect=True)


def lane_of(crew: Crew, task: str) -> str:
    """Give the broker queue of a task."""
    return str(crew.app.allotment.plan.lane(task).name)


def test_headers_as_large_as_a_frame_are_cut_and_the_rest_is_kept(crew: Crew) -> None:
    """They arrived in one frame, in which the reason has no room."""
    large = {f"large-{number}": "x" * 30_000 for number in range(4)} | {"small": "y" * 9_000}
    publish(crew, lane_of(crew, "left.add"), [Case("large", headers={"id": ["no", "id"], **large})])
    [(headers, body)] = take_dead(crew, 1)
    assert body == BODY
    assert headers["allotment_dead"]["reason"] == "undecodable"
    assert headers["task"] == "left.add"
    assert headers["large-0"].startswith("xxx")
    assert crew.run(crew.task("left.add", 1, 2)).value == 3


@pytest.mark.parametrize("task", ["ghost.odd", "left.add"])
@pytest.mark.parametrize("odd", ODD)
def test_headers_that_python_has_no_values_for(
    crew: Crew, odd: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, reason = ODD[odd]
    identity = str(uuid.uuid4())
    headers = {"task": task, "id": identity, "lang": "py", "odd": True}
    with monkeypatch.context() as patch:
        patch.setattr(serialization, "_write_table", _adding(field))
        with Connection(crew.broker_url) as connection:
            connection.Producer().publish(
                BODY,
                routing_key=lane_of(crew, "left.add"),
                headers=headers,
                content_type=JSON,
                content_encoding="utf-8",
            )
    if task == "left.add" and reason == "unknown-task":
        assert AsyncResult(identity, app=crew.app).get(timeout=30) == 3
    else:
        [(found, body)] = take_dead(crew, 1)
        assert found["allotment_dead"]["reason"] == reason
        assert body == BODY
    assert crew.run(crew.task("left.add", 1, 2)).value == 3
    assert not [event for event in crew.fleet.events if event["event"] in {"ended", "given-up"}]


def test_what_rabbitmq_itself_gave_up_is_read_with_such_headers(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker has looked at it, as it expired or its queue was too long; and it hides none of the others."""
    with Connection(crew.broker_url) as connection:
        dead_queue()(connection.default_channel).declare()
        with monkeypatch.context() as patch:
            patch.setattr(serialization, "_write_table", _adding(ODD["a date after the year 9999"][0]))
            for odd in (True, False):
                connection.Producer().publish(BODY, routing_key=DEAD_QUEUE, headers={"task": "left.add", "odd": odd})
    until(lambda: crew.depth(DEAD_QUEUE) == 2)
    assert [letter.task for letter in read(crew.app)] == [None, "left.add"]
    take_dead(crew, 2)


def test_what_was_dropped_is_counted_with_such_headers(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    with Connection(crew.broker_url) as connection:
        connection.default_channel.queue_delete(DROPPED_QUEUE)  # as other fleets at this broker made it
        connection.default_channel.queue_declare(DROPPED_QUEUE, arguments={"x-expires": 60_000})
        with monkeypatch.context() as patch:
            patch.setattr(serialization, "_write_table", _adding(ODD["a date after the year 9999"][0]))
            connection.Producer().publish(BODY, routing_key=DROPPED_QUEUE, headers={"odd": True})
        until(lambda: crew.depth(DROPPED_QUEUE) == 1)
        assert dropped_counts(crew.app) == {}, "it does not say whose it was"
        connection.default_channel.queue_delete(DROPPED_QUEUE)


def _adding(field: bytes) -> Callable[..., None]:
    """Give py-amqp's writing of tables, with one field more in the table that is marked as odd."""
    write_table = serialization._write_table

    def write(table: Any, out: Callable[[bytes], Any], bits: Any) -> None:
        if not table.get("odd"):
            write_table(table, out, bits)
            return
        written: list[bytes] = []
        write_table(table, written.append, bits)
        whole = b"".join(written)[4:] + field
        out(struct.pack(">I", len(whole)) + whole)

    return write
