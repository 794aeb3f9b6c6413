"""Which servers Celery gets on with, what they evict, and whose clock is wrong."""

import pytest

from allotment.engine.diagnosis.products import eviction_of, product_of, redis_product_of
from allotment.engine.diagnosis.redis_family import MOST_SKEW, skewed
from allotment.local.diagnosis.check import Status

OK, WARNING, UNKNOWN = Status.OK, Status.WARNING, Status.UNKNOWN


@pytest.mark.parametrize(
    ("properties", "status", "words"),
    [
        ({"product": "RabbitMQ", "version": "3.7.28"}, WARNING, "3.7.28"),
        ({"product": "RabbitMQ", "version": "3.13.7"}, OK, "RabbitMQ 3.13.7"),
        ({"product": "RabbitMQ", "version": "4.1.0-rc.1"}, OK, "prefetch for each queue"),
        ({"product": "LavinMQ", "version": "2.0"}, WARNING, "LavinMQ"),
        ({}, WARNING, "does not say"),
    ],
)
def test_an_amqp_server_is_judged_by_what_it_says(properties: dict[str, str], status: Status, words: str) -> None:
    check = product_of(properties)
    assert check.status is status
    assert words in check.detail


def test_only_from_four_on_is_prefetch_by_queue() -> None:
    assert "prefetch" not in product_of({"product": "RabbitMQ", "version": "3.13.7"}).detail


@pytest.mark.parametrize(
    ("info", "status", "words"),
    [
        ({"redis_version": "6.0.16"}, WARNING, "Redis 6.0.16"),
        ({"redis_version": "6.2.0"}, OK, "Redis 6.2.0"),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.1"}, OK, "Valkey 8.1.1"),
        ({"redis_version": "8.0.0", "cluster_enabled": 1}, WARNING, "cluster"),
        ({}, UNKNOWN, "not told"),
    ],
)
def test_a_redis_is_judged_by_what_it_says(info: dict[str, object], status: Status, words: str) -> None:
    check = redis_product_of(info)
    assert check.status is status
    assert words in check.detail


@pytest.mark.parametrize(
    ("policy", "most", "status", "dropped"),
    [
        ("noeviction", 100, OK, None),
        ("allkeys-lru", 100, WARNING, "messages and results"),
        ("volatile-ttl", 100, WARNING, "results"),
        ("allkeys-lru", 0, OK, None),
        (None, 0, UNKNOWN, None),
    ],
)
def test_what_a_full_server_drops(policy: str | None, most: int, status: Status, dropped: str | None) -> None:
    check = eviction_of({"maxmemory_policy": policy, "maxmemory": most})
    assert check.status is status
    if dropped:
        assert f"drops {dropped} without" in str(check.cause)


@pytest.mark.parametrize(
    ("skew", "doubt", "status"),
    [(0.001, 0.0005, OK), (MOST_SKEW + 1, 2.0, OK), (MOST_SKEW + 1, 0.5, WARNING), (-60.0, 0.1, WARNING)],
)
def test_a_clock_is_wrong_only_beyond_doubt(skew: float, doubt: float, status: Status) -> None:
    assert skewed(skew, doubt).status is status


def test_it_is_said_which_clock_is_ahead() -> None:
    assert "ahead of" in skewed(60, 0).detail
    assert "behind" in skewed(-60, 0).detail
