"""Which server it is, and whether Celery 5.7 gets on with its version: pure."""

import re
from collections.abc import Mapping
from typing import Any

from allotment.local.diagnosis.check import Check, Status

NAME = "server"

QUORUM_QUEUES = (3, 8)
"""RabbitMQ has quorum queues from here on, which the fleet file may ask for."""
PREFETCH_BY_CONSUMER = (4, 0)
"""Kombu 5.7 prefetches for each consumer from here on (`kombu/transport/pyamqp.py`, `qos_semantics_matches_spec`)."""
MAINTAINED_REDIS = (6, 2)
"""The oldest Redis that gives no warning; the readme of redis-py 6 and later lists 7.2 and later."""


def product_of(properties: Mapping[str, Any]) -> Check:
    """Judge what a server told of itself when an AMQP connection began."""
    product, version = str(properties.get("product") or ""), str(properties.get("version") or "")
    shown = f"{product or 'it does not say what it is'} {version}".strip()
    if product != "RabbitMQ":
        cause = "it speaks RabbitMQ's protocol, but Celery and Allotment are tested with RabbitMQ only"
        return Check(NAME, Status.WARNING, shown, cause, "send a few workflows: `allot run ... --times 20`")
    number = numbers(version)
    if number < QUORUM_QUEUES:
        cause = "RabbitMQ has quorum queues from 3.8 on, and this version is no longer maintained"
        return Check(NAME, Status.WARNING, shown, cause, "update RabbitMQ")
    if number >= PREFETCH_BY_CONSUMER:
        shown += "; workers prefetch for each queue they consume, not for all together"
    return Check(NAME, Status.OK, shown)


def redis_product_of(info: Mapping[str, Any]) -> Check:
    """Judge what INFO tells of a server of the Redis family."""
    if "valkey_version" in info:
        return _redis("Valkey", str(info["valkey_version"]), info)
    version = str(info.get("redis_version") or "")
    if not version:
        cause = "INFO does not say, or this user may not ask"
        return Check(NAME, Status.UNKNOWN, "which server it is, is not told", cause)
    if numbers(version) < MAINTAINED_REDIS:
        cause = "Redis before 6.2 is no longer maintained, and redis-py is not tested with it"
        return Check(NAME, Status.WARNING, f"Redis {version}", cause, "update the server")
    return _redis("Redis", version, info)


def _redis(product: str, version: str, info: Mapping[str, Any]) -> Check:
    shown = f"{product} {version}"
    if str(info.get("cluster_enabled", 0)) == "1":
        cause = "it is part of a cluster, and Celery's commands touch keys of several of its slots at once"
        return Check(NAME, Status.WARNING, f"{shown}, of a cluster", cause, "use a server that is not in cluster mode")
    return Check(NAME, Status.OK, shown)


def eviction_of(info: Mapping[str, Any]) -> Check:
    """Judge what a server of the Redis family drops when its memory is full.

    Lists of messages never expire, results do, so a `volatile` policy takes results and leaves messages.
    """
    policy, most = str(info.get("maxmemory_policy") or ""), int(info.get("maxmemory") or 0)
    name = "eviction"
    if not policy:
        return Check(name, Status.UNKNOWN, "the server does not tell its maxmemory-policy")
    if policy == "noeviction":
        return Check(name, Status.OK, "noeviction: nothing is dropped when memory is full")
    if not most:
        return Check(name, Status.OK, f"{policy}, without effect while maxmemory is 0")
    dropped = "messages and results" if policy.startswith("allkeys") else "results"
    return Check(
        name,
        Status.WARNING,
        f"maxmemory-policy is {policy}",
        f"when its memory is full, the server drops {dropped} without a word",
        "`redis-cli config set maxmemory-policy noeviction`, and the same in redis.conf",
    )


def numbers(version: str) -> tuple[int, ...]:
    """Give the numbers at the beginning of a version."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()
