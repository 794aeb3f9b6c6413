"""Publishing on real brokers: each message is taken, or whoever sends it is told, and in time."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError
from publishing_tools import FLEET, SOON, between, depth, ends, on_rabbitmq, program, send, until, values

from allotment import AllotmentError
from allotment.engine.publishing.sending import sending
from allotment.errors import (
    BrokerUnreachable,
    MessageTooLarge,
    MessageUnroutable,
    PublishFailed,
    PublishUnconfirmed,
    QueueFull,
)
from allotment.testing.brokers import RabbitServer, RedisServer
from allotment.testing.fixtures import require

pytestmark = pytest.mark.timeout(240)

PATIENT = FLEET.replace("timeout: 3s", SOON)


def test_what_is_taken_is_there(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        result = send(app, 5)
        assert result.id
        assert values(place) == [5]


def test_a_full_queue_is_told_at_once_and_once(place: str, tmp_path: Path) -> None:
    with between(place) as (proxy, url), program(tmp_path, url, PATIENT) as app:
        for value in (1, 2):
            send(app, value, queue="narrow")
        made = proxy.accepted
        for value in (3, 4):
            with pytest.raises(QueueFull, match="'narrow' is full") as told:
                send(app, value, queue="narrow", task_id=f"number-{value}")
            assert (told.value.task, told.value.queue, told.value.task_id) == (
                "box.number",
                "narrow",
                f"number-{value}",
            )
            assert f"number-{value}" in told.value.message
            assert "queues.narrow.max_length" in str(told.value.hint)
            assert isinstance(told.value, OperationalError), "programs that catch Celery's error do not notice"
        assert proxy.accepted == made, "a refused message cost a connection"
        assert values(place, "narrow") == [1, 2]
        send(app, 5, queue="narrow")
        assert values(place, "narrow") == [5]


def test_a_message_over_the_limit_is_not_sent(place: str, tmp_path: Path) -> None:
    with between(place) as (proxy, url), program(tmp_path, url, PATIENT) as app:
        send(app)
        passed = proxy.passed
        for option in ({"value": "x" * 2**20}, {"headers": {"more": "x" * 2**20}}):
            with pytest.raises(MessageTooLarge, match="1Mi: it was not sent") as told:
                send(app, **option)
            assert told.value.task_id in told.value.message
            assert not isinstance(told.value, OperationalError), "Celery would try again"
        assert proxy.passed - passed < 2**20
        send(app, "x" * (2**20 - 2000))
        assert depth(place) == 2


def test_the_broker_s_own_limit_is_told(tmp_path: Path) -> None:
    require(RabbitServer)
    with RabbitServer(settings={"max_message_size": "65536"}) as server, program(tmp_path, server.url, PATIENT) as app:
        with pytest.raises(MessageTooLarge, match=r"larger than the broker takes.*65536") as told:
            send(app, "x" * 2**17)
        assert "max_message_size" in str(told.value.hint)
        send(app, 2)
        assert values(server.url) == [2]


@on_rabbitmq
def test_a_message_for_which_there_is_no_queue_is_told(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        send(app)
        with Connection(place) as connection:
            connection.default_channel.queue_delete("crate")
        with pytest.raises(MessageUnroutable, match="no queue 'crate'") as told:
            send(app, 2)
        assert told.value.queue == "crate"
        send(app, 3)
        assert values(place) == [3], "the next message declares the queue again"


@on_rabbitmq
def test_an_exchange_that_is_gone_is_told(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        with (
            pytest.raises(MessageUnroutable, match="no exchange"),
            sending(app, "box.number"),
            app.producer_or_acquire() as producer,
        ):
            producer.publish([[1], {}, {}], exchange="nowhere", routing_key="crate")
        send(app)


@on_rabbitmq
def test_an_answer_to_celery_s_talk_is_not_taken_for_one_to_a_task(place: str, tmp_path: Path) -> None:
    """Events go by the same channel, and are not waited for: their acks come while a task waits for its own."""
    with program(tmp_path, place, PATIENT) as app:
        app.conf.task_send_sent_event = True
        for value in (1, 2):
            send(app, value, queue="narrow")
        for _ in range(20):
            send(app, 0)
            with pytest.raises(QueueFull):
                send(app, 3, queue="narrow")
        assert values(place, "narrow") == [1, 2]


@on_rabbitmq
def test_a_quorum_queue_that_is_full_is_told(place: str, tmp_path: Path) -> None:
    text = PATIENT.replace("{max_length: 2}", "{max_length: 10, type: quorum}")
    with program(tmp_path, place, text) as app:
        until(lambda: isinstance(ends(lambda: send(app, 1, queue="narrow")), QueueFull))  # it takes some more first
        with pytest.raises(QueueFull):
            send(app, 201, queue="narrow")
        assert set(values(place, "narrow")) == {1}


@on_rabbitmq
def test_a_limit_that_the_file_does_not_know_is_not_called_full(
    place: str, tmp_path: Path, rabbitmq: RabbitServer
) -> None:
    rabbitmq.control(
        "set_policy", "few", "^crate$", '{"max-length": 1, "overflow": "reject-publish"}', "--apply-to", "queues"
    )
    try:
        with program(tmp_path, place, PATIENT) as app:
            send(app)
            with pytest.raises(PublishFailed, match="by a policy") as told:
                send(app, 2)
            assert type(told.value).code == "publish-failed"
    finally:
        rabbitmq.control("clear_policy", "few")


@on_rabbitmq
@pytest.mark.parametrize("queue", ["crate", "narrow"])
def test_a_queue_that_breaks_is_not_called_full(place: str, tmp_path: Path, rabbitmq: RabbitServer, queue: str) -> None:
    """Its process is held, so that it confirms nothing, and then killed: RabbitMQ refuses what it had not confirmed."""
    process = (
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)), P = amqqueue:get_pid(Q)'
    )
    with program(tmp_path, place, PATIENT) as app:
        send(app, queue=queue)
        rabbitmq.control("eval", f"{process}, sys:suspend(P).")
        before = _published(rabbitmq)
        came: list[Any] = []
        thread = threading.Thread(target=lambda: came.append(ends(lambda: send(app, 2, queue=queue))))
        thread.start()
        until(lambda: _published(rabbitmq) > before)
        rabbitmq.control("eval", f"{process}, exit(P, kill).")
        thread.join(60)
        if queue == "crate":
            assert isinstance(came[0], PublishFailed), came
            assert came[0].code == "publish-failed"
        else:  # there it is sent again, as there is room
            assert not isinstance(came[0], QueueFull), came


def _published(server: RabbitServer) -> int:
    """Count the messages that channels wait to see confirmed."""
    return sum(int(line) for line in server.control("list_channels", "messages_unconfirmed").split() if line.isdigit())


def test_a_connection_that_passes_nothing_ends_by_the_deadline(place: str, tmp_path: Path) -> None:
    with between(place) as (proxy, url), program(tmp_path, url) as app:
        send(app, 0)
        proxy.stall_all()
        first = ends(lambda: send(app, 1, task_id="first"))
        assert isinstance(first, (PublishUnconfirmed, BrokerUnreachable)), first
        assert "first" in str(first)
        second = ends(lambda: send(app, 2, task_id="second"))
        assert isinstance(second, BrokerUnreachable), second
        assert "second" in second.message
        assert isinstance(second, OperationalError)
        proxy.cut()
        proxy.resume()
        send(app, 3)
        found = values(place)
        assert (found[0], found[-1]) == (0, 3)
        assert 2 not in found, "it was said not to be taken"


def test_a_server_that_stands_still(place: str, tmp_path: Path) -> None:
    kind = RabbitServer if place.startswith("amqp") else RedisServer
    with kind() as server, program(tmp_path, server.url) as app:
        send(app, 0)
        pid = server._broker_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            first, second = ends(lambda: send(app, 1)), ends(lambda: send(app, 2))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert isinstance(first, PublishUnconfirmed), first
        assert "may have been taken or not" in first.message
        assert isinstance(second, BrokerUnreachable), second
        assert "does not answer" in second.message
        send(app, 3, timeout=30)
        found = values(server.url)
        assert (found[0], found[-1]) == (0, 3)
        assert 2 not in found


def test_a_broken_connection_is_made_again_within_the_deadline(place: str, tmp_path: Path) -> None:
    with between(place) as (proxy, url), program(tmp_path, url, PATIENT) as app:
        for value in range(5):
            send(app, value)
            assert proxy.cut() > 0
        assert set(values(place)) == set(range(5))


def test_a_broker_that_is_not_there(place: str, tmp_path: Path) -> None:
    url = place.partition("://")[0] + "://127.0.0.1:1/"
    with program(tmp_path, url) as app:
        for options in ({}, {"retry": False}, {"retry_policy": {"max_retries": None, "interval_max": 0.5}}):
            error = ends(lambda options=options: send(app, **options))
            assert isinstance(error, BrokerUnreachable), error
            assert "port 1" in error.message
            assert "was not taken" in error.message


def test_a_call_has_a_deadline_of_its_own(place: str, tmp_path: Path) -> None:
    text = FLEET.replace("timeout: 3s", "timeout: 1h")
    with between(place) as (proxy, url), program(tmp_path, url, text) as app:
        send(app)
        proxy.stall_all()
        assert "within 1s" in str(ends(lambda: send(app, 2, timeout=1)))


@on_rabbitmq
def test_a_call_may_wait_less_long_for_the_confirm(place: str, tmp_path: Path) -> None:
    text = FLEET.replace("timeout: 3s", "timeout: 1h")
    with between(place) as (proxy, url), program(tmp_path, url, text) as app:
        send(app)
        proxy.stall_all()
        error = ends(lambda: send(app, 2, confirm_timeout=1))
        assert isinstance(error, PublishUnconfirmed)
        assert "did not confirm it within 1s" in error.message


def test_threads_that_share_the_pool_are_all_told_and_all_go_on(place: str, tmp_path: Path) -> None:
    with between(place) as (proxy, url), program(tmp_path, url) as app, ThreadPoolExecutor(16) as threads:
        app.conf.broker_pool_limit = 4
        list(threads.map(lambda value: send(app, value, timeout=30), range(16)))
        proxy.stall_all()
        came = list(threads.map(lambda value: ends(lambda: send(app, value)), range(100, 116)))
        assert all(isinstance(one, (PublishUnconfirmed, BrokerUnreachable)) for one in came), came
        proxy.cut()
        proxy.resume()
        list(threads.map(lambda value: send(app, value, timeout=30), range(200, 216)))
        found = set(values(place))
        told_lost = {100 + number for number, one in enumerate(came) if isinstance(one, BrokerUnreachable)}
        assert found >= {*range(16), *range(200, 216)}
        assert not found & told_lost


def test_a_pool_that_is_exhausted_counts_within_the_deadline(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place) as app:
        app.conf.broker_pool_limit = 1
        with app.producer_or_acquire():
            error = ends(lambda: send(app, task_id="waits"))
            assert isinstance(error, BrokerUnreachable), error
            assert "all 1 are in use" in error.message
            assert error.task_id == "waits"
            signature = app.signature("box.number", [1])
            group = ends(lambda: app._canvas.group([signature, signature], app=app).apply_async())
            assert isinstance(group, AllotmentError), group
        send(app)


@on_rabbitmq
def test_an_event_that_cannot_be_sent_is_not_the_task_s_failure(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with program(tmp_path, place, PATIENT) as app:
        app.conf.task_send_sent_event = True

        def fail(*_: Any, **__: Any) -> None:
            raise OperationalError("no event today")

        monkeypatch.setattr(type(app.amqp._event_dispatcher), "publish", fail)
        result = send(app, 7)
        assert result.id
        assert "was taken, and then" in caplog.text
        assert values(place) == [7]


@on_rabbitmq
def test_an_app_that_wants_no_confirms_still_has_a_deadline(place: str, tmp_path: Path) -> None:
    def unconfirmed(app: Celery) -> None:
        app.conf.broker_transport_options = {"confirm_publish": False}

    with between(place) as (proxy, url), program(tmp_path, url) as app:
        unconfirmed(app)
        app.allotment.apply_settings()
        send(app, queue="narrow")
        proxy.stall_all()
        proxy.cut()
        assert isinstance(ends(lambda: send(app)), BrokerUnreachable)
