"""The transport for Redis: messages that come back, counted and once."""

import json
import threading
import time

import pytest
from engine.transports import QUICK, Listener, ours, publish, server_of, until
from kombu import Connection, Exchange, Queue
from redis.exceptions import ResponseError

from allotment.engine.redis_transport.doubts import Doubts
from allotment.testing.brokers import BrokerServer

COUNT = "x-delivery-count"
AT_ONCE = QUICK | {"visibility_timeout": 0}


def as_sent(message: bytes) -> dict:  # type: ignore[type-arg]
    """Give a message without what is added to it when it comes back."""
    found = json.loads(message)
    found["headers"].pop("redelivered", None)
    found["headers"].pop(COUNT, None)
    found["properties"]["delivery_info"].pop("redelivered", None)
    return found  # type: ignore[no-any-return]


def test_each_way_back_is_counted_and_all_else_stays(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        publish(
            connection,
            {"text": "é\ud83d\ude00", "number": 1.0},
            headers={"mine": [1, None]},
            correlation_id="c",
            priority=3,
        )
        sent = look.lindex("work\x06\x163", 0)
        listener = Listener(connection, "work")
        for count in range(1, 5):
            listener.hear_of(count)
            message = listener.messages[-1]
            assert message.headers.get(COUNT, 0) == count - 1
            assert bool(message.headers.get("redelivered")) is (count > 1)
            message.requeue()
            back = look.lindex("work\x06\x163", 0)
            assert as_sent(back) == json.loads(sent)
            assert list(json.loads(back)) == list(json.loads(sent))
            assert json.loads(back)["headers"][COUNT] == count
            assert json.loads(back)["properties"]["delivery_info"]["redelivered"] is True


def test_the_bytes_of_a_message_that_comes_back_are_those_that_were_sent(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        publish(
            connection, {"text": "é", "big": 10**30, "small": 1e-7}, headers={"nothing": None, "deep": {"a": [1.50]}}
        )
        sent = look.lindex("work", 0)
        Queue("work", routing_key="work")(connection.default_channel).get().requeue()
        back = look.lindex("work", 0)
    back = back.replace(b', "x-delivery-count": 1, "redelivered": true', b"").replace(b', "redelivered": true', b"")
    assert back == sent


@pytest.mark.parametrize("nonsense", ["many", -3, True, None, 2.5, [1]])
def test_a_count_that_is_none_begins_anew(server: BrokerServer, nonsense: object) -> None:
    with ours(server.url) as connection:
        publish(connection, "x", headers={COUNT: nonsense})
        queue = Queue("work", routing_key="work")(connection.default_channel)
        queue.get().requeue()
        assert queue.get().headers[COUNT] == 1


def test_what_is_given_back_by_hand_is_the_last_and_what_is_left_over_the_next(server: BrokerServer) -> None:
    with ours(server.url) as connection, ours(server.url) as other:
        publish(connection, 1, 2, 3)
        listener = Listener(connection, "work", prefetch=1)
        listener.hear_of(1)
        listener.messages[0].requeue()
        listener.hear_of(2)
        listener.channel.close()  # with one unacknowledged
        second = Listener(other, "work")
        second.hear_of(3)
        assert second.bodies == [2, 3, 1]
        assert [message.headers.get(COUNT) for message in second.messages] == [1, None, 1]


def test_many_workers_that_put_back_at_once_put_back_once(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        publish(connection, *range(200))
        listener = Listener(connection, "work")
        listener.hear_of(200)
        tags = [message.delivery_tag for message in listener.messages]
        gate = threading.Barrier(4)

        def put_all_back() -> None:
            with ours(server.url) as mine:
                qos = mine.default_channel.qos
                gate.wait()
                for tag in tags:
                    qos.restore_by_tag(tag)

        threads = [threading.Thread(target=put_all_back) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        back = [json.loads(message) for message in look.lrange("work", 0, -1)]
        assert len(back) == 200
        assert {message["headers"][COUNT] for message in back} == {1}
        assert not look.exists("unacked", "unacked_index")


def test_what_a_plain_worker_left_is_put_back_by_ours(server: BrokerServer) -> None:
    """Its notes name the exchange and the key."""
    look = server_of(server.url)
    queue = Queue("bound", Exchange("jobs"), routing_key="jobs.bound")
    with Connection(server.url) as plain, ours(server.url, **AT_ONCE) as connection:
        queue(plain.default_channel).declare()
        plain.Producer().publish("by a key", exchange="jobs", routing_key="jobs.bound", serializer="json")
        publish(plain, "by its name")
        other = Listener(plain, "bound", "work")
        other.hear_of(2)
        other.channel._qos._delivered.clear()
        channel = connection.default_channel
        channel.qos.restore_visible(interval=1)
        assert look.llen("bound") == look.llen("work") == 1
        assert json.loads(look.lindex("bound", 0))["headers"][COUNT] == 1
        assert not look.exists("unacked", "unacked_index")


def test_one_whose_exchange_leads_nowhere_stays_until_it_does(server: BrokerServer) -> None:
    look = server_of(server.url)
    queue = Queue("bound", Exchange("jobs"), routing_key="jobs.bound")
    with Connection(server.url) as plain, ours(server.url, **AT_ONCE) as connection:
        queue(plain.default_channel).declare()
        plain.Producer().publish("by a key", exchange="jobs", routing_key="jobs.bound", serializer="json")
        other = Listener(plain, "bound")
        other.hear_of(1)
        other.channel._qos._delivered.clear()
        bindings = look.smembers("_kombu.binding.jobs")
        look.delete("_kombu.binding.jobs")
        connection.default_channel.qos.restore_visible(interval=1)
        assert look.hlen("unacked") == 1
        look.sadd("_kombu.binding.jobs", *bindings)
        connection.default_channel.qos.restore_visible(interval=1)
        assert look.llen("bound") == 1


def test_one_that_cannot_go_back_keeps_no_other_from_it(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url, **AT_ONCE) as connection:
        for queue in ("work", "broken", "work"):
            publish(connection, queue, queue=queue)
            listener = Listener(connection, queue)
            listener.hear_of(1)
            listener.channel._qos._delivered.clear()
            listener.channel.close()
        look.set("broken", "no list")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            connection.default_channel.qos.restore_visible(interval=1)
        assert look.llen("work") == 2
        assert look.hlen("unacked") == 1


def test_a_message_of_infinite_priority_goes_back(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url, **AT_ONCE) as connection:
        publish(connection, "urgent")
        look.rpush("work", look.rpop("work").replace(b'"priority": 0', b'"priority": 1e999'))
        listener = Listener(connection, "work")
        listener.hear_of(1)
        listener.messages[0].requeue()
        assert look.llen("work") == 1
        assert not look.exists("unacked", "unacked_index")


def test_a_message_goes_back_to_its_own_queue_whatever_is_bound_beside_it(server: BrokerServer) -> None:
    """Kombu puts it into every queue that its exchange leads to."""
    look = server_of(server.url)
    exchange = Exchange("jobs", type="topic")
    with ours(server.url) as connection:
        for name in ("a", "b"):
            Queue(name, exchange, routing_key="jobs.#")(connection.default_channel).declare()
        connection.Producer().publish("to both", exchange="jobs", routing_key="jobs.x", serializer="json")
        Queue("a", exchange, routing_key="jobs.#")(connection.default_channel).get().requeue()
        assert (look.llen("a"), look.llen("b")) == (1, 1)


def test_the_server_s_clock_decides_what_is_overdue(server: BrokerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    look = server_of(server.url)
    with ours(server.url, visibility_timeout=3600) as connection:
        publish(connection, "young")
        Listener(connection, "work").hear_of(1)
        real = time.time
        monkeypatch.setattr("time.time", lambda: real() + 7200)
        connection.default_channel.qos.restore_visible(interval=1)
        assert look.hlen("unacked") == 1


def test_what_was_taken_while_the_answer_got_lost_comes_back_as_it_was(server: BrokerServer) -> None:
    look = server_of(server.url)
    with ours(server.url) as connection:
        listener = Listener(connection, "work")
        listener.hear()
        publish(connection, "lost on the way")
        sent = look.lindex("work", 0)
        channel = listener.channel
        channel._in_poll = None  # it is time to ask again
        connection.transport.cycle.on_poll_start()
        until(lambda: look.hlen("unacked") == 1)
        channel.client.connection.disconnect()
        channel.doubts.settle(channel.qos)
        assert look.lrange("work", 0, -1) == [sent]
        assert not look.exists("unacked", "unacked_index")
        assert not channel.doubts.tags
        listener.hear_of(1)


def test_a_doubt_is_kept_while_the_command_may_still_lie_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    found: set[str] = set()

    class Account:
        def put_back(self, tag: str, *, counted: bool) -> bool:
            assert not counted
            return tag in found

    doubts = Doubts()
    doubts.add("late")
    doubts.add("never")
    doubts.settle(Account())
    assert set(doubts.tags) == {"late", "never"}
    found.add("late")
    now += 60
    doubts.settle(Account())
    assert set(doubts.tags) == {"never"}
    now += 600
    doubts.settle(Account())
    assert not doubts.tags
