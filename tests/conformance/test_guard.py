"""On every broker: what a worker cannot run is forwarded or set aside, and nothing is lost."""

import json
import time
import uuid

from celery import Celery
from celery.canvas import xmap, xstarmap
from conformance.conftest import Crew
from kombu import Connection

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.quarantine import dead_queue

DEAD = "allotment.dead"


def plain_producer(crew: Crew) -> Celery:
    """Give an app that has never heard of Allotment, on the same broker."""
    app = Celery("plain", broker=crew.broker_url, backend=crew.app.conf.result_backend, set_as_current=False)
    keep_results_quiet(app)
    return app


def take_dead(crew: Crew, count: int, timeout: float = 20.0) -> list:
    """Take so many messages from the dead-letter queue, waiting until they are there."""
    taken = []
    deadline = time.monotonic() + timeout
    with Connection(crew.broker_url) as connection:
        channel = connection.default_channel
        dead_queue(crew.file.model.dead_letters)(channel).declare()
        while len(taken) < count and time.monotonic() < deadline:
            raw = channel.basic_get(DEAD)  # kombu's own `Queue.get` raises for a body that it cannot expand
            if raw is None:
                continue
            message = channel.message_to_python(raw)
            body = message.body or b""
            taken.append(
                (message.headers, body.encode(message.content_encoding) if isinstance(body, str) else bytes(body))
            )
            message.ack()
    return taken


def test_a_task_that_no_worker_has_is_set_aside_with_its_bytes_and_the_reason(crew: Crew) -> None:
    plain = plain_producer(crew)
    ids = [str(uuid.uuid4()) for _ in range(60)]
    for number, identity in enumerate(ids):
        plain.send_task(
            "ghost.task",
            args=[number, "é"],
            kwargs={"k": [1, None]},
            task_id=identity,
            queue="work",
            ignore_result=True,
        )
    dead = take_dead(crew, len(ids))
    assert {headers["id"] for headers, _ in dead} == set(ids), "every message is there, none twice"
    assert len(dead) == len(ids)
    headers, body = min(dead, key=lambda one: ids.index(one[0]["id"]))
    why = headers["allotment_dead"]
    assert why["reason"] == "unknown-task"
    assert "ghost.task" in why["detail"]
    assert why["queue"] == "work"
    assert why["worker"].endswith(("@node-1", "@node-2"))
    assert abs(why["time"] - time.time()) < 120
    assert json.loads(body)[:2] == [[0, "é"], {"k": [1, None]}]
    assert crew.depth("work") == 0
    close(plain)


def test_the_caller_of_a_task_set_aside_is_told(crew: Crew) -> None:
    plain = plain_producer(crew)
    result = plain.send_task("ghost.asked", queue="work")
    error = result.get(timeout=20, propagate=False)
    assert result.state == "FAILURE"
    assert "ghost.asked" in str(error)
    assert [headers["id"] for headers, _ in take_dead(crew, 1)] == [result.id]
    close(plain)


def test_a_plain_producer_s_tasks_reach_workers_that_have_them(crew: Crew) -> None:
    """A producer that knows no lanes sends to the queue's own name: whoever takes it runs it or passes it on."""
    plain = plain_producer(crew)
    results = [plain.send_task("left.add", args=[number, 1], queue="work") for number in range(20)]
    results += [plain.send_task("right.double", args=[number], queue="work") for number in range(20)]
    values = [result.get(timeout=30) for result in results]
    assert values == [number + 1 for number in range(20)] + [2 * number for number in range(20)]
    assert crew.depth(DEAD) == 0
    close(plain)


def test_a_compressed_message_survives_being_passed_on_and_being_set_aside(crew: Crew) -> None:
    plain = plain_producer(crew)
    results = [plain.send_task("left.add", args=[number, 1], queue="work", compression="zlib") for number in range(12)]
    assert [result.get(timeout=30) for result in results] == [number + 1 for number in range(12)]
    plain.send_task("ghost.small", args=["é" * 500], queue="work", compression="zlib", ignore_result=True)
    [(headers, body)] = take_dead(crew, 1)
    assert headers["task"] == "ghost.small"
    assert json.loads(body)[0] == ["é" * 500]
    close(plain)


def test_a_task_inside_a_map_is_looked_for_too(crew: Crew) -> None:
    """Every worker has `celery.starmap`; what it calls must be there as well."""
    plain = plain_producer(crew)
    add = plain.signature("left.add", app=plain)
    results = [xstarmap(add, [(number, 1), (number, 2)], app=plain).apply_async(queue="work") for number in range(9)]
    assert [result.get(timeout=30) for result in results] == [[number + 1, number + 2] for number in range(9)]
    xmap(plain.signature("ghost.inside", app=plain), [1], app=plain).apply_async(queue="work", ignore_result=True)
    [(headers, _)] = take_dead(crew, 1)
    assert "ghost.inside" in headers["allotment_dead"]["detail"]
    close(plain)


def test_a_queue_that_was_deleted_is_made_again_before_anything_is_put_there(crew: Crew) -> None:
    """The dead-letter queue may be deleted by hand to empty it: what comes afterwards must not be lost."""
    plain = plain_producer(crew)
    for round_of in range(2):
        ids = [str(uuid.uuid4()) for _ in range(6)]
        for identity in ids:
            plain.send_task("ghost.again", args=[round_of], task_id=identity, queue="work", ignore_result=True)
        assert {headers["id"] for headers, _ in take_dead(crew, len(ids))} == set(ids)
        with Connection(crew.broker_url) as connection:
            connection.default_channel.queue_delete(DEAD)
    close(plain)


def test_a_message_without_an_id_is_set_aside_too(crew: Crew) -> None:
    """Other programs may send a bare name; the worker that takes it goes on."""
    with Connection(crew.broker_url) as connection:
        connection.Producer().publish(
            [[], {}, {}], routing_key="work", headers={"task": "ghost.bare"}, serializer="json"
        )
    [(headers, body)] = take_dead(crew, 1)
    assert headers["allotment_dead"]["reason"] == "unknown-task"
    assert json.loads(body) == [[], {}, {}]
    assert crew.run(crew.task("left.add", 1, 2)).value == 3


def test_a_count_of_forwards_that_is_none_harms_nobody(crew: Crew) -> None:
    plain = plain_producer(crew)
    ended_before = [event for event in crew.fleet.events if event["event"] == "ended"]
    plain.send_task("ghost.counted", queue="work", headers={"allotment_forwards": "many"}, ignore_result=True)
    [(headers, _)] = take_dead(crew, 1)
    assert headers["allotment_dead"]["reason"] == "unknown-task"
    assert [event for event in crew.fleet.events if event["event"] == "ended"] == ended_before
    close(plain)
