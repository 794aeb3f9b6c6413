"""The transport for Redis: what is no message is set aside, byte by byte, and stops nobody."""

import base64
import contextlib
import json

import pytest
from engine.transports import Listener, ours, publish, server_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kombu import Connection

from allotment.testing.brokers import BrokerServer

DEAD = "allotment.dead"


def an_envelope(**changes: object) -> bytes:
    """Give a message as kombu makes it, with changes; a change to None takes the part away."""
    whole = {
        "body": base64.b64encode(b"[[], {}, {}]").decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": "note", "id": "1"},
        "properties": {
            "delivery_info": {"exchange": "", "routing_key": "work"},
            "body_encoding": "base64",
            "delivery_tag": "t",
        },
    } | changes
    return json.dumps({key: value for key, value in whole.items() if value is not ...}).encode()


GARBAGE = {
    "no JSON": b"\x00\xff\xfe garbage",
    "nothing": b"",
    "half of one": an_envelope()[:-7],
    "no UTF-8": an_envelope().replace(b"note", b"\xff\xfe\xfd\xfc"),
    "a number": b"42",
    "null": b"null",
    "a list": b"[1, 2]",
    "a list like a note": b'[{}, "", "work"]',
    "an empty object": b"{}",
    "no properties": an_envelope(properties=...),
    "properties that are a list": an_envelope(properties=[]),
    "headers that are a text": an_envelope(headers="x"),
    "an unknown encoding of the body": an_envelope(properties={"delivery_tag": "t", "body_encoding": "rot13"}),
    "an encoding that is none": an_envelope(properties={"delivery_tag": "t", "body_encoding": 5}),
    "a body that is no base64": an_envelope(body="abcde"),
    "a body that is an object": an_envelope(body={"a": 1}),
    "delivered to a number": an_envelope(properties={"delivery_tag": "t", "delivery_info": 5}),
    "too deep": b"[" * 100_000,
    "a huge number": b"9" * 10_000,
    "a type that cannot be made": b'{"properties": {"__type__": "datetime", "__value__": "x"}}',
}


def letters(look: object) -> list[tuple[dict, bytes]]:  # type: ignore[type-arg]
    """Give why each dead letter is there, and its bytes."""
    found = [json.loads(letter) for letter in reversed(look.lrange(DEAD, 0, -1))]  # type: ignore[attr-defined]
    return [(letter["headers"]["allotment_dead"], base64.b64decode(letter["body"])) for letter in found]


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_in_a_queue_is_set_aside_and_the_rest_is_delivered(server: BrokerServer, garbage: bytes) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        look.lpush("work", garbage)
        publish(connection, "after it")
        listener = Listener(connection, "work")
        listener.hear_of(1)
        assert listener.bodies == ["after it"]
        [(why, kept)] = letters(look)
        assert kept == garbage
        assert why["reason"] == "undecodable"
        assert why["queue"] == "work"
        assert why["worker"]
        assert why["time"] > 1_700_000_000
        assert why["detail"]
        listener.messages[0].ack()
        assert not look.exists("work", "unacked", "unacked_index")


@given(
    st.lists(
        st.binary(max_size=200)
        | st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["body", "headers", "properties", "delivery_info", "body_encoding", "x"]), inner
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_lies_in_a_queue_nothing_is_lost(valkey_server: BrokerServer, garbage: list[bytes]) -> None:
    look = server_of(valkey_server.url)
    look.flushall()
    with ours(valkey_server.url) as connection:
        if garbage:
            look.lpush("work", *garbage)
        publish(connection, "the last")
        listener = Listener(connection, "work")
        taken = 0
        while not taken or listener.messages[-1].payload != "the last":
            taken += 1
            listener.hear_of(taken)
        # what looks enough like a message is delivered as one
        assert taken - 1 + look.llen(DEAD) == len(garbage)
        assert not look.exists("work")
        for _, kept in letters(look):
            garbage.remove(kept)


def test_a_queue_can_be_read_past_garbage_one_by_one(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        look.lpush("work", b"garbage")
        publish(connection, "after it")
        assert connection.default_channel.basic_get("work").decode() == "after it"
        assert [kept for _, kept in letters(look)] == [b"garbage"]


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        (b"\x00 no note", b"\x00 no note"),
        (b"[1, 2]", b"[1, 2]"),
        (b'["", "", ""]', b'""'),
        (b'[garbage \xff, "", "work"]', b"garbage \xff"),
        (b'[{"a": 1}, "jobs", "key"]', b'{"a": 1}'),
        (b'{"a": 1}', b'{"a": 1}'),
    ],
)
def test_a_damaged_note_is_set_aside_when_its_time_comes(server: BrokerServer, note: bytes, kept: bytes) -> None:
    look = server_of(server.url)
    look.hset("unacked", "tag", note)
    look.zadd("unacked_index", {"tag": 1.0})
    look.zadd("unacked_index", {"without a note": 2.0})
    with ours(server.url) as connection:
        publish(connection, "good")
        listener = Listener(connection, "work")
        listener.hear_of(1)
        listener.channel.qos.restore_visible(interval=1)
        assert [body for _, body in letters(look)] == [kept]
        assert look.hkeys("unacked") == [listener.messages[0].delivery_tag.encode()]


def test_while_the_dead_letters_are_full_garbage_waits_and_harms_nobody(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url, visibility_timeout=3600) as connection:
        connection.default_channel.queue_declare(DEAD, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        look.lpush("work", b"first", b"second")
        publish(connection, "good")
        listener = Listener(connection, "work")
        listener.hear_of(1)
        assert [kept for _, kept in letters(look)] == [b"first"]
        assert look.hlen("unacked") == 2  # the good one, and the second
        look.delete(DEAD)
        listener.channel.qos.restore_visible(interval=1)
        assert not look.exists(DEAD), "its pause is not over"
        [tag] = [tag for tag in look.hkeys("unacked") if tag != listener.messages[0].delivery_tag.encode()]
        seconds = look.zscore("unacked_index", tag) + 3600 - look.time()[0]
        assert 30 < seconds <= 61
        listener.channel.qos.visibility_timeout = 3600 - seconds - 2
        listener.channel.qos.restore_visible(interval=1)
        assert [kept for _, kept in letters(look)] == [b"second"]


def test_a_broadcast_that_is_no_message_is_passed_over(server: BrokerServer) -> None:
    from kombu import Exchange, Queue

    look = server_of(server.url)
    with ours(server.url) as connection:
        got: list[object] = []
        exchange = Exchange("loud", type="fanout")
        queue = Queue("mine", exchange, routing_key="")
        with connection.Consumer([queue], on_message=got.append, no_ack=True):
            while not look.pubsub_numpat():
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.1)
            for garbage in (b"no JSON", b"[1]", b"{}", b'{"properties": 5}'):
                look.publish("/0.loud", garbage)
            connection.Producer().publish("heard", exchange="loud", routing_key="", serializer="json")
            while not got:
                connection.drain_events(timeout=5)
    assert got[0].decode() == "heard"  # type: ignore[attr-defined]


def test_a_dead_letter_is_a_message_to_plain_kombu(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection, Connection(server.url) as plain:
        look.lpush("work", b"\x00garbage")
        Listener(connection, "work").hear()
        letter = plain.default_channel.basic_get(DEAD)
        assert letter.body == b"\x00garbage"
        assert letter.content_type == "application/octet-stream"
        assert letter.content_encoding == "binary"
        assert letter.headers["allotment_dead"]["reason"] == "undecodable"
        letter.ack()
