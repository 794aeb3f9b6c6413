"""The store of keys on a real server: each state, each step, and attempts that come too late."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from allotment.engine.idempotency.store import Done, Running, Store
from allotment.testing.brokers import BrokerServer, RedisServer


@pytest.fixture(params=["redis_server", "valkey_server"])
def server(request: pytest.FixtureRequest) -> BrokerServer:
    found: BrokerServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def client(server: BrokerServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(server.url) as found:
        yield found


@pytest.fixture
def store(client: "redis.Redis") -> Store:
    return Store(client, "shop:")


@pytest.fixture
def key() -> str:
    return uuid4().hex


def gone(client: "redis.Redis", key: str) -> None:
    """Wait until the server has forgotten a key."""
    deadline = time.monotonic() + 20
    while client.exists(f"shop:{key}"):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.005)


def test_one_takes_a_key_and_others_see_that_it_runs(store: Store, key: str) -> None:
    assert store.begin(key, "mine", 60) is None
    assert store.begin(key, "other", 60) == Running()
    assert store.begin(key, "mine", 60) is None, "asked again, as the answer was lost"


def test_what_is_done_is_told_to_all_that_come_later(store: Store, key: str) -> None:
    value = b"application/json utf-8 [1, 2]"
    assert store.begin(key, "mine", 60) is None
    assert store.finish(key, "mine", value, 60) is None
    assert store.finish(key, "mine", value, 60) is None, "asked again, as the answer was lost"
    assert store.begin(key, "other", 60) == Done(value)
    assert not store.renew(key, "mine", 60)


def test_any_bytes_are_kept_as_they_are(store: Store, key: str) -> None:
    value = bytes(range(256)) + b" done  running "
    store.begin(key, "mine", 60)
    store.finish(key, "mine", value, 60)
    assert store.begin(key, "other", 60) == Done(value)


def test_a_key_given_up_is_free(store: Store, key: str) -> None:
    store.begin(key, "mine", 60)
    store.give_up(key, "other")
    assert store.begin(key, "other", 60) == Running()
    store.give_up(key, "mine")
    assert store.begin(key, "other", 60) is None


def test_what_is_done_cannot_be_given_up(store: Store, key: str) -> None:
    store.begin(key, "mine", 60)
    store.finish(key, "mine", b"x", 60)
    store.give_up(key, "mine")
    assert store.begin(key, "other", 60) == Done(b"x")


def test_a_lease_ends_by_itself_and_then_another_has_it(store: Store, client: "redis.Redis", key: str) -> None:
    store.begin(key, "mine", 0.05)
    gone(client, key)
    assert store.begin(key, "other", 60) is None
    assert not store.renew(key, "mine", 60)
    assert store.finish(key, "mine", b"late", 60) == Running()
    assert store.begin(key, "third", 60) == Running(), "the late one has overwritten nothing"
    assert store.finish(key, "other", b"first", 60) is None
    assert store.finish(key, "mine", b"late", 60) == Done(b"first")


def test_a_lease_that_ended_and_that_nobody_took_is_still_good(store: Store, client: "redis.Redis", key: str) -> None:
    store.begin(key, "mine", 0.05)
    gone(client, key)
    assert store.renew(key, "mine", 60)
    assert store.begin(key, "other", 60) == Running()
    client.delete(f"shop:{key}")
    assert store.finish(key, "mine", b"x", 60) is None
    assert store.begin(key, "other", 60) == Done(b"x")


def test_a_lease_is_renewed_and_a_result_is_kept_for_as_long_as_is_said(
    store: Store, client: "redis.Redis", key: str
) -> None:
    store.begin(key, "mine", 1)
    store.renew(key, "mine", 1000)
    assert 990_000 < client.pttl(f"shop:{key}") <= 1_000_000
    store.finish(key, "mine", b"x", 5000.5)
    assert 4_990_000 < client.pttl(f"shop:{key}") <= 5_000_500


def test_the_scripts_are_there_again_after_the_server_forgot_them(key: str) -> None:
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        store = Store(client)
        assert store.begin(key, "mine", 60) is None
        client.script_flush()
        assert store.begin(key, "other", 60) == Running()
