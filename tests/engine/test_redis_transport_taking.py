"""The transport for Redis: taking messages, noted in the same step, and being woken."""

import json
import logging
import time

import pytest
from engine.transports import QUICK, Listener, ours, publish, server_of, until
from kombu import Connection, Queue

from allotment.testing.brokers import LocalServer


@pytest.fixture
def server(own_server: LocalServer) -> LocalServer:
    return own_server


def test_what_is_taken_is_noted_until_it_is_acknowledged(server: LocalServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        publish(connection, {"number": 1})
        sent = look.lindex("work", 0)
        listener = Listener(connection, "work")
        listener.hear_of(1)
        [(tag, note)] = look.hgetall("unacked").items()
        assert json.loads(note) == [json.loads(sent), "", "work"]
        assert note.startswith(b"[" + sent), "the bytes are those that were sent"
        [(indexed, score)] = look.zrange("unacked_index", 0, -1, withscores=True)
        assert indexed == tag
        assert abs(score - time.time()) < 60
        listener.messages[0].ack()
        assert not look.exists("work", "unacked", "unacked_index")


def test_a_worker_that_is_gone_leaves_a_note_that_plain_kombu_puts_back(server: LocalServer) -> None:
    with ours(server.url) as connection:
        publish(connection, "left behind")
        listener = Listener(connection, "work")
        listener.hear_of(1)
        connection.transport.channels.clear()  # as if it were killed: nothing is put back at the end
        listener.channel._qos._delivered.clear()
        with Connection(server.url, transport_options=QUICK | {"visibility_timeout": 0}) as plain:
            other = Listener(plain, "work")
            other.channel.qos.restore_visible(num=10, interval=1)
            other.hear_of(1)
            assert other.bodies == ["left behind"]
            other.messages[0].ack()
    assert not server_of(server.url).exists("work", "unacked", "unacked_index")


def test_priorities_come_in_their_order(server: LocalServer) -> None:
    with ours(server.url) as connection:
        for priority in (9, 0, 6, 3, 0):
            publish(connection, priority, priority=priority)
        listener = Listener(connection, "work")
        listener.hear_of(5)
        assert listener.bodies == [0, 0, 3, 6, 9]


@pytest.mark.parametrize(("strategy", "order"), [("round_robin", "abab"), ("priority", "bbaa"), ("sorted", "aabb")])
def test_queues_take_turns_as_they_are_told(server: LocalServer, strategy: str, order: str) -> None:
    with ours(server.url, queue_order_strategy=strategy) as connection:
        for name in "aabb":
            publish(connection, name, queue=name)
        listener = Listener(connection, "b", "a")
        listener.hear_of(4)
        came = "".join(listener.bodies)
        assert came in ({order, order[::-1]} if strategy == "round_robin" else {order})


def test_no_more_is_taken_than_there_is_room_for(server: LocalServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        publish(connection, *range(5))
        listener = Listener(connection, "work", prefetch=2)
        listener.hear()
        assert listener.bodies == [0, 1]
        assert look.llen("work") == 3
        listener.messages[0].ack()
        listener.hear()
        assert listener.bodies == [0, 1, 2]
        assert look.hlen("unacked") == 2


def test_everything_stands_under_the_key_prefix(server: LocalServer) -> None:
    look = server_of(server.url)
    with (
        ours(server.url, global_keyprefix="here:") as connection,
        Connection(server.url, transport_options={"global_keyprefix": "here:"}) as plain,
    ):
        publish(plain, "prefixed")
        listener = Listener(connection, "work")
        listener.hear_of(1)
        assert set(look.keys()) == {b"here:unacked", b"here:unacked_index"}
        listener.messages[0].requeue()
        assert set(look.keys()) == {b"here:work"}
        listener.hear_of(2)
        listener.messages[1].ack()
        assert not look.keys()


def test_what_needs_no_acknowledgement_leaves_no_note(server: LocalServer) -> None:
    with ours(server.url) as connection:
        publish(connection, "gone")
        listener = Listener(connection, "work", no_ack=True)
        listener.hear_of(1)
        assert not server_of(server.url).keys()


def test_a_single_message_is_got_and_noted(server: LocalServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        queue = Queue("work", routing_key="work")(connection.default_channel)
        assert queue.get() is None
        publish(connection, "one", "two", "three")
        first = queue.get()
        assert look.hlen("unacked") == 1
        first.ack()
        assert queue.get(no_ack=True).decode() == "two"
        assert not look.exists("unacked")
        queue.get().reject(requeue=True)
        assert look.llen("work") == 1


def test_a_worker_that_waits_is_woken_by_a_plain_producer(server: LocalServer) -> None:
    """With no second look for a minute, only the server's word can have told it."""
    with ours(server.url, polling_interval=60) as connection, Connection(server.url) as plain:
        listener = Listener(connection, "work", "other")
        connection.transport.polling_interval = None
        listener.hear()
        for number, queue in enumerate(["other", "work", "work", "other"], start=1):
            publish(plain, number, queue=queue)
            listener.hear_of(number)
            listener.messages[-1].ack()
        publish(plain, 5, priority=9)
        listener.hear_of(5)


def test_without_the_server_s_word_it_looks_often_and_says_so_once(valkey: LocalServer, caplog) -> None:  # type: ignore[no-untyped-def]
    from allotment.engine.redis_transport import waking

    waking._say_untracked.cache_clear()
    look = server_of(valkey.url)
    look.execute_command("ACL", "SETUSER", "shy", "on", ">secret", "~*", "&*", "+@all", "-client|tracking")
    address = valkey.url.replace("redis://", "redis://shy:secret@")
    with caplog.at_level(logging.WARNING), ours(address) as connection, ours(address) as second:
        listeners = [Listener(connection, "work"), Listener(second, "other")]
        for listener in listeners:
            listener.hear()
        began = time.monotonic()
        publish(connection, "looked for")
        listeners[0].hear_of(1)
        assert time.monotonic() - began < 5
    assert len([record for record in caplog.records if "CLIENT TRACKING" in record.message]) == 1


def test_a_script_that_the_server_has_forgotten_is_brought_along(server: LocalServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        listener = Listener(connection, "work")
        for number in range(3):
            look.script_flush()
            publish(connection, number)
            listener.hear_of(number + 1)
        listener.messages[0].reject(requeue=True)
        look.script_flush()
        listener.messages[1].reject(requeue=True)
        listener.hear_of(5)


def test_a_server_out_of_memory_still_gives_its_messages(server: LocalServer) -> None:
    """What was taken is noted, which is a write: it is allowed, and nothing is lost on the way."""
    look = server_of(server.url)
    with ours(server.url) as connection:
        publish(connection, *range(20))
        look.config_set("maxmemory", 1)
        listener = Listener(connection, "work")
        listener.hear_of(20)
        listener.messages[0].reject(requeue=True)
        for message in listener.messages[1:]:
            message.ack()
        listener.hear_of(21)
        listener.messages[-1].ack()
        assert not look.exists("work", "unacked")


def test_a_consumer_that_is_cancelled_leaves_the_queue_as_it_was(server: LocalServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        listener = Listener(connection, "work", "other")
        listener.hear()
        listener.consumer.cancel_by_queue("work")
        publish(connection, "stays")
        publish(connection, "comes", queue="other")
        sent = look.lrange("work", 0, -1)
        listener.hear()
        assert listener.bodies == ["comes"]
        assert look.lrange("work", 0, -1) == sent, "not so much as a count was added"
        listener.consumer.add_queue(Queue("work", routing_key="work", no_declare=True))
        listener.consumer.consume()
        listener.hear_of(2)


def test_what_was_asked_for_when_the_channel_closes_goes_back_as_it_was(server: LocalServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        listener = Listener(connection, "work")
        listener.hear()
        publish(connection, "asked for")
        sent = look.lrange("work", 0, -1)
        listener.channel._in_poll = None  # it is time to ask again
        connection.transport.cycle.on_poll_start()
        until(lambda: look.hlen("unacked") == 1)
        listener.channel.close()
        assert look.lrange("work", 0, -1) == sent
        assert not look.exists("unacked", "unacked_index")


def test_several_channels_of_one_connection_each_get_theirs(server: LocalServer) -> None:
    with ours(server.url) as connection:
        listeners = [Listener(connection, name) for name in ("a", "b", "c")]
        for name in ("a", "b", "c"):
            publish(connection, name, queue=name)
        listeners[0].hear(0.5)
        assert [listener.bodies for listener in listeners] == [["a"], ["b"], ["c"]]


def test_copies_of_one_message_are_kept_apart(server: LocalServer) -> None:
    """They have one tag in their envelopes; under kombu the second note overwrites the first."""
    look = server_of(server.url)
    with ours(server.url) as connection:
        publish(connection, "twice")
        look.lpush("work", look.lindex("work", 0))
        listener = Listener(connection, "work")
        listener.hear_of(2)
        assert look.hlen("unacked") == 2
        listener.messages[0].ack()
        assert look.hlen("unacked") == 1
