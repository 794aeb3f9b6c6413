"""The transport for Redis: queues with a limit."""

from pathlib import Path

import pytest
from celery import Celery
from engine.ledger_app import make
from engine.transports import Listener, ours, publish, server_of
from kombu import Connection, Queue

from allotment.engine.installation import install
from allotment.errors import QueueFull
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import BrokerServer

REJECTS = {"x-max-length": 3, "x-overflow": "reject-publish"}
DROPS = {"x-max-length": 3, "x-overflow": "drop-head"}


def declare(connection: Connection, name: str, arguments: dict[str, object]) -> Queue:
    queue = Queue(name, routing_key=name, queue_arguments=arguments)(connection.default_channel)
    queue.declare()
    return queue


def test_a_full_queue_refuses_and_says_so(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        declare(connection, "narrow:left", REJECTS)
        publish(connection, 1, 2, 3, queue="narrow:left")
        with pytest.raises(QueueFull) as refused:
            publish(connection, 4, queue="narrow:left")
    error = refused.value
    assert error.queue == "narrow"
    assert "'narrow' (its lane 'narrow:left') is full: 3 messages wait there, and its limit is 3" in error.message
    assert "queues.narrow.max_length" in (error.hint or "")
    assert server_of(server.url).llen("narrow:left") == 3


def test_all_priorities_count_together(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        declare(connection, "narrow", REJECTS)
        for priority in (0, 3, 9):
            publish(connection, priority, queue="narrow", priority=priority)
        with pytest.raises(QueueFull):
            publish(connection, "one more", queue="narrow", priority=6)


def test_the_key_prefix_holds_for_limits_too(server: BrokerServer) -> None:
    with ours(server.url, global_keyprefix="mine:") as connection:
        declare(connection, "narrow", DROPS)
        publish(connection, *range(5), queue="narrow")
    look = server_of(server.url)
    assert look.llen("mine:narrow") == 3
    assert look.hgetall("mine:allotment:dropped") == {b"narrow": b"2"}
    assert not look.exists("narrow", "allotment:dropped")


def test_the_oldest_makes_room_and_is_counted(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        declare(connection, "narrow", DROPS)
        publish(connection, *range(10), queue="narrow")
        listener = Listener(connection, "narrow")
        listener.hear_of(3)
        listener.hear()
        assert listener.bodies == [7, 8, 9]
    assert server_of(server.url).hgetall("allotment:dropped") == {b"narrow": b"7"}


def test_of_several_priorities_the_least_urgent_makes_room(server: BrokerServer) -> None:
    """On Redis the lowest number is the most urgent."""
    with ours(server.url) as connection:
        declare(connection, "narrow", DROPS)
        for body, priority in [("urgent", 0), ("old", 9), ("late", 9), ("more", 3), ("most", 0)]:
            publish(connection, body, queue="narrow", priority=priority)
        listener = Listener(connection, "narrow")
        listener.hear_of(3)
        listener.hear()
        assert listener.bodies == ["urgent", "most", "more"]


def test_a_queue_whose_limit_was_lowered_drops_what_is_too_much(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        publish(connection, *range(10), queue="narrow")
        declare(connection, "narrow", DROPS)
        publish(connection, 10, queue="narrow")
    look = server_of(server.url)
    assert look.llen("narrow") == 3
    assert look.hget("allotment:dropped", "narrow") == b"8"


def test_what_comes_back_is_taken_whatever_the_limit(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        declare(connection, "narrow", REJECTS)
        publish(connection, 1, 2, 3, queue="narrow")
        listener = Listener(connection, "narrow", prefetch=2)
        listener.hear_of(2)
        publish(connection, 4, 5, queue="narrow")
        for message in listener.messages:
            message.requeue()
        assert server_of(server.url).llen("narrow") == 5
        with pytest.raises(QueueFull):
            publish(connection, 6, queue="narrow")


def test_a_batch_is_held_to_the_limit(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        declare(connection, "narrow", REJECTS)
        producer = connection.Producer()

        def send_a_batch() -> None:
            with producer.batch():
                for number in range(5):
                    producer.publish(number, routing_key="narrow", serializer="json")
                    producer.publish(number, routing_key="wide", serializer="json")

        with pytest.raises(QueueFull):
            send_a_batch()
    assert server_of(server.url).llen("narrow") == 3


def test_the_dead_letters_have_a_limit_without_being_declared(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        limit = connection.default_channel.limit_of("allotment.dead")
        assert limit is not None
        assert limit.max_length == 100_000
        assert not limit.drops
        assert connection.default_channel.limit_of("another") is None


def test_the_file_says_how_many_dead_letters_there_may_be(tmp_path: Path, server: BrokerServer) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(
        f"broker: {server.url}\ndead_letters: {{max_length: 7}}\nprofiles: {{all: {{tasks: ['*'], queues: [work]}}}}\n"
    )
    app = Celery("limited", set_as_current=False)
    install(read_fleet_file(path, {}), app)
    with app, app.connection_for_read() as connection, app.producer_or_acquire() as producer:
        for channel in (connection.default_channel, producer.channel):
            assert channel.limit_of("allotment.dead").max_length == 7


def test_an_unused_queue_with_a_limit_still_goes_by_itself(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        declare(connection, "brief", REJECTS | {"x-expires": 60_000})
        publish(connection, 1, queue="brief", priority=3)
    assert 0 < server_of(server.url).pttl("brief\x06\x163") <= 60_000


@pytest.mark.parametrize("retry", [True, False])
def test_celery_hands_the_refusal_on_as_it_is(server: BrokerServer, retry: bool) -> None:
    """From a task, from a canvas and by name; nothing of it is tried again, and a pool of connections keeps it."""
    app = make(server.url, "ours")
    app.conf.task_queues = [Queue("work", routing_key="work", queue_arguments=REJECTS)]
    with app:
        note = app.tasks["note"]
        for number in range(3):
            note.apply_async([number], retry=retry)
        from celery import chain, group

        for send in (
            lambda: note.apply_async([4], retry=retry),
            lambda: app.send_task("note", [4], retry=retry),
            lambda: chain(note.si(4), note.si(5)).apply_async(retry=retry),
            lambda: group([note.si(4), note.si(5)], app=app).apply_async(retry=retry),
        ):
            with pytest.raises(QueueFull):
                send()
        assert server_of(server.url).llen("work") == 3


def test_a_task_that_is_tried_again_is_not_refused(server: BrokerServer) -> None:
    """Celery would give it up (`celery/app/task.py`, `retry`)."""
    app = make(server.url, "ours")
    app.conf.task_queues = [Queue("work", routing_key="work", queue_arguments=REJECTS)]
    with app:
        for number in range(3):
            app.send_task("note", [number])
        app.send_task("note", [4], retries=1)
    assert server_of(server.url).llen("work") == 4


def test_the_dead_letters_take_no_more_of_what_was_tried_again_either(server: BrokerServer) -> None:
    with ours(server.url) as connection:
        declare(connection, "allotment.dead", REJECTS)
        publish(connection, 1, 2, 3, queue="allotment.dead", headers={"retries": 1})
        with pytest.raises(QueueFull) as refused:
            publish(connection, 4, queue="allotment.dead", headers={"retries": 1})
    assert "allot dead" in (refused.value.hint or "")


def test_pools_of_a_plain_app_at_the_same_address_stay_its_own(server: BrokerServer) -> None:
    plain, fleets = make(server.url, "plain"), make(server.url, "ours")
    with plain, fleets:
        drivers = []
        for app in (plain, fleets):
            with app.producer_or_acquire() as producer:
                drivers.append(type(producer.channel).__module__)
        assert drivers == ["kombu.transport.redis", "allotment.engine.redis_transport.channel"]
