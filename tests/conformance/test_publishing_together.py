"""Messages that are confirmed together: of each one, what became of it is told."""

import contextvars
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from publishing_tools import FLEET, SOON, between, depth, ends, on_rabbitmq, program, send, until, values

from allotment.engine.publishing.bulk import together
from allotment.engine.publishing.rabbitmq import window
from allotment.errors import BrokerUnreachable, MessageTooLarge, MessageUnroutable, PublishUnconfirmed, QueueFull
from allotment.testing.brokers import RabbitServer, RedisServer
from allotment.testing.fixtures import require

pytestmark = pytest.mark.timeout(240)

PATIENT = FLEET.replace("timeout: 3s", SOON)
MANY = 3 * window.MOST + 7


def send_many(app: Celery, values: Any, **options: Any) -> dict[str, Any]:
    """Send a task for each value; give the values by the id of the task."""
    return {send(app, value, **options).id: value for value in values}


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few messages be on their way, so that some wait for others."""
    monkeypatch.setattr(window, "MOST", 20)


def test_everything_sent_together_is_taken_in_its_order(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        with together(app) as bulk:
            send_many(app, range(MANY))
        assert bulk.failed == {}
        assert values(place) == list(range(MANY))


def test_a_send_does_not_wait_for_the_confirm(tmp_path: Path, rabbitmq: RabbitServer) -> None:
    with between(rabbitmq.url) as (proxy, url), program(tmp_path, url, PATIENT) as app:
        send(app, 0)
        with together(app) as bulk:
            send(app, 1)
            proxy.stall_replies()
            send_many(app, range(2, 20))
            bulk.flush()
            until(lambda: depth(rabbitmq.url) == 20)
            proxy.resume()
        assert bulk.failed == {}
        assert values(rabbitmq.url) == list(range(20))


def test_a_full_queue_is_told_of_each_message_that_it_refused(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        refused: list[str] = []
        with together(app) as bulk:
            wide = send_many(app, range(30))
            for value in range(30):
                try:
                    send(app, value, queue="narrow", task_id=f"narrow-{value}")
                except QueueFull as error:  # on Redis the answer is there at once
                    refused.append(str(error.task_id))
        assert not set(wide) & set(bulk.failed)
        assert sorted([*refused, *bulk.failed]) == sorted(f"narrow-{value}" for value in range(2, 30))
        for task_id, error in bulk.failed.items():
            assert isinstance(error, QueueFull)
            assert (error.task, error.task_id, error.queue) == ("box.number", task_id, "narrow")
            assert "full: 2 messages wait in it" in error.message
        assert values(place, "narrow") == [0, 1]
        assert len(values(place)) == 30


@on_rabbitmq
def test_what_no_queue_takes_is_told_of_each(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        send(app)
        with Connection(place) as connection:
            connection.default_channel.queue_delete("crate")
        with together(app) as bulk:
            wide = send_many(app, range(5))
            narrow = send_many(app, range(2), queue="narrow")
        assert set(bulk.failed) == set(wide)
        assert not set(bulk.failed) & set(narrow)
        assert all(isinstance(error, MessageUnroutable) for error in bulk.failed.values())
        send(app, 7)
        assert values(place) == [7], "the queue is declared again before the next message"


def test_what_is_known_before_is_raised_and_the_rest_goes_on(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        with together(app) as bulk:
            send(app, 0)
            with pytest.raises(MessageTooLarge):
                send(app, "x" * 2**20)
            send(app, 1)
        assert bulk.failed == {}
        assert values(place) == [0, 1]


def test_an_error_inside_leaves_nothing_in_doubt(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        bulks = []

        def broken_off() -> None:
            with together(app) as bulk:
                bulks.append(bulk)
                send_many(app, range(10))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            broken_off()
        assert bulks[0].failed == {}
        assert depth(place) == 10
        send(app, 10)
        assert values(place) == list(range(11))


@pytest.mark.usefixtures("stalling")
def test_a_broker_killed_meanwhile_has_all_but_what_is_told(tmp_path: Path) -> None:
    require(RabbitServer)
    with RabbitServer() as server, program(tmp_path, server.url, PATIENT) as app:
        send(app, -1)
        server.write_through()
        ids: dict[str, int] = {}
        with together(app) as bulk:
            for value in range(200):
                if value == 100:
                    server.kill()
                    server.start()
                ids[send(app, value).id] = value
        told = {ids[task_id] for task_id in bulk.failed}
        assert told <= set(range(80, 100)), "what was on its way, and nothing else"
        assert told
        assert all(isinstance(error, PublishUnconfirmed) for error in bulk.failed.values())
        there = values(server.url)
        assert sorted({*there, *told}) == list(range(-1, 200))
        assert len(there) == len(set(there))


@pytest.mark.usefixtures("stalling")
def test_a_broker_that_says_nothing_more_ends_it_by_the_deadline(tmp_path: Path, rabbitmq: RabbitServer) -> None:
    with between(rabbitmq.url) as (proxy, url), program(tmp_path, url) as app:
        send(app, 0, timeout=30)
        try:
            ids: dict[str, int] = {}

            def all_of_them() -> Any:
                with together(app) as bulk:
                    for value in range(1, 11):
                        ids[send(app, value).id] = value
                    proxy.stall_replies()
                    for value in range(11, 16):
                        ids[send(app, value).id] = value
                return bulk

            bulk = ends(all_of_them, timeout=20)
            assert {ids[task_id] for task_id in bulk.failed} >= set(range(11, 16))
            assert all(isinstance(error, PublishUnconfirmed) for error in bulk.failed.values())
        finally:
            proxy.resume()
        confirmed = {value for task_id, value in ids.items() if task_id not in bulk.failed}
        assert {0, *confirmed} <= set(values(rabbitmq.url))


def test_a_channel_that_the_broker_closes_costs_no_other_message(tmp_path: Path) -> None:
    require(RabbitServer)
    with RabbitServer(settings={"max_message_size": "65536"}) as server, program(tmp_path, server.url, PATIENT) as app:
        ids: dict[str, Any] = {}
        with together(app) as bulk:
            for value in (1, "x" * 2**17, *range(2, 300)):
                ids[send(app, value).id] = value
        assert "x" * 2**17 in [ids[task_id] for task_id in bulk.failed]
        assert all(isinstance(error, PublishUnconfirmed) for error in bulk.failed.values())
        there = values(server.url)
        told = {ids[task_id] for task_id in bulk.failed if ids[task_id] not in there}
        assert {*there, *told} == set(ids.values())
        assert 299 in there, "it goes on over another channel"


def test_no_more_bytes_are_on_their_way_than_allowed(
    tmp_path: Path, rabbitmq: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MOST_BYTES", 100_000)
    with program(tmp_path, rabbitmq.url, PATIENT) as app:
        on_their_way = []
        with together(app) as bulk:
            for _ in range(20):
                send(app, "x" * 30_000)
                on_their_way.append(bulk.on_their_way.size)
        assert bulk.failed == {}
        assert max(on_their_way) <= 100_000
        assert len(values(rabbitmq.url)) == 20


@pytest.mark.usefixtures("stalling")
def test_what_was_refused_before_the_connection_broke_is_told(tmp_path: Path, rabbitmq: RabbitServer) -> None:
    with between(rabbitmq.url) as (proxy, url), program(tmp_path, url, PATIENT) as app:
        try:
            for value in (0, 1):
                send(app, value, queue="narrow")
            ids: dict[str, Any] = {}
            with together(app) as bulk:
                for value in range(10):
                    ids[send(app, value, queue="narrow").id] = value
                proxy.cut()
                for value in range(10, 20):
                    ids[send(app, value).id] = value
            assert {ids[task_id] for task_id in bulk.failed} == set(range(10))
            assert values(rabbitmq.url, "narrow") == [0, 1]
            assert values(rabbitmq.url) == list(range(10, 20))
        finally:
            values(rabbitmq.url, "narrow")


def test_what_was_refused_long_ago_is_told_of(place: str, tmp_path: Path) -> None:
    """Its own deadline passed while others were sent."""
    with program(tmp_path, place) as app:
        for value in (0, 1):
            send(app, value, queue="narrow", timeout=30)
        refused: list[str] = []
        with together(app) as bulk:
            try:
                send(app, 2, queue="narrow", task_id="late", timeout=0.5)
            except QueueFull as error:
                refused.append(str(error.task_id))
            send(app, 3, timeout=30)
            time.sleep(0.6)  # the deadline of the first is what passes
        assert [*refused, *bulk.failed] == ["late"]
        assert values(place, "narrow") == [0, 1]
        assert values(place) == [3]


def test_a_broker_killed_while_confirms_are_waited_for_is_told(tmp_path: Path) -> None:
    require(RabbitServer)
    with RabbitServer() as server, between(server.url) as (proxy, url), program(tmp_path, url, PATIENT) as app:
        send(app, 0)
        with together(app) as bulk:
            proxy.stall_replies()
            sent = send_many(app, range(1, 6))
            bulk.flush()
            until(lambda: depth(server.url) == 6)
            server.kill()
            proxy.cut()
        assert set(bulk.failed) == set(sent)
        assert all(isinstance(error, PublishUnconfirmed) for error in bulk.failed.values())


def test_a_lost_answer_of_redis_is_told(tmp_path: Path, redis_server: RedisServer) -> None:
    with between(redis_server.url) as (proxy, url), program(tmp_path, url) as app:
        send(app, 0, timeout=30)
        with together(app):
            proxy.stall_replies()
            with pytest.raises(PublishUnconfirmed):
                send(app, 1)
            proxy.resume()
        send(app, 2, timeout=30)
        assert {0, 2} <= set(values(redis_server.url))


def test_sends_go_on_after_one_that_failed_for_the_connection(tmp_path: Path) -> None:
    require(RabbitServer)
    with RabbitServer() as server, program(tmp_path, server.url) as app:
        send(app, 0, timeout=30)
        server.write_through()
        with together(app) as bulk:
            send(app, 1, timeout=30)
            bulk.settle()
            server.stop()
            with pytest.raises((BrokerUnreachable, PublishUnconfirmed)):
                send(app, 2)
            server.start()
            send(app, 3, timeout=30)
        assert bulk.failed == {}
        assert values(server.url) == [0, 1, 3]


def test_another_thread_sends_by_itself(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app, together(app) as bulk:
        send(app, 1)
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(context.run, send, app, 2).result(timeout=30)
        assert 2 in values(place), "it is confirmed"
        assert bulk.failed == {}


def test_a_declaration_that_is_refused_meanwhile_is_told_with_what_it_lost(
    tmp_path: Path, rabbitmq: RabbitServer
) -> None:
    """RabbitMQ closes the channel, over which others are on their way."""
    with program(tmp_path, rabbitmq.url, PATIENT) as app:
        ids: dict[str, Any] = {}
        with together(app) as bulk:
            for value in range(5):
                ids[send(app, value).id] = value
            with pytest.raises(bulk.producer.connection.channel_errors):
                bulk.producer.channel.queue_declare("not there", passive=True)
            for value in range(5, 10):
                ids[send(app, value).id] = value
        lost = {ids[task_id] for task_id in bulk.failed}
        assert all(isinstance(error, PublishUnconfirmed) for error in bulk.failed.values())
        there = values(rabbitmq.url)
        assert set(range(10)) - set(there) <= lost
        assert set(range(5, 10)) <= set(there)
