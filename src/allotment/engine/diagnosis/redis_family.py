"""The steps at a server of the Redis family: login, product and version, eviction, clock, a round trip."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import redis
from kombu import Connection
from kombu.utils.url import url_to_parts
from redis.backoff import NoBackoff
from redis.retry import Retry

from allotment.engine.diagnosis.products import eviction_of, redis_product_of
from allotment.local.diagnosis.check import Check, Status, Stopwatch
from allotment.local.diagnosis.network import Look
from allotment.local.diagnosis.tls_options import TlsOptions

MOST_SKEW = 2.0
"""Seconds by which two clocks may differ before it shows: countdowns, expiry, redelivery and waiting times go by it."""

_EXPIRES = 60
"""Seconds after which the key of the round trip is gone even if this process dies before it deletes it."""


def redis_checks(look: Look, tls: TlsOptions | None, celerys: Connection | None = None) -> Iterator[Check]:
    """Log in as Celery does, and look at the server; `tls` None: without. Stops at the first failure.

    `celerys` is the connection that Celery would make to this broker; None: to a result backend. Leaves nothing behind.
    """
    watch = Stopwatch()
    try:
        client = _client(look, tls)
    except ValueError as error:
        yield look.failed("login", error, watch)
        return
    with contextlib.closing(client):
        try:
            client.ping()
            if celerys is not None:
                _connect(celerys, look.timeout)
        except Exception as error:  # noqa: BLE001 - whatever kombu raises is the answer
            yield look.failed("login", error, watch)
            return
        yield Check("login", Status.OK, "password and database are accepted", milliseconds=watch.milliseconds)
        info = _information(client)
        yield redis_product_of(info)
        yield eviction_of(info)
        yield _clock(client)
        yield _round_trip(look, client)


def _connect(celerys: Connection, timeout: float) -> None:
    """Let kombu connect and ask once, so that what it does not take shows: its options are used no earlier."""
    celerys.transport_options = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    with celerys:
        celerys.ensure_connection(max_retries=0)


def _client(look: Look, tls: TlsOptions | None) -> redis.Redis:
    """Make a client of what kombu reads from the address. Raises ValueError where its database is no number."""
    parts = url_to_parts(look.target.url)
    options: dict[str, Any] = {
        "username": parts.username,
        "password": parts.password,
        "socket_timeout": look.timeout,
        "socket_connect_timeout": look.timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    if look.target.socket_path is not None:
        database = _database(parts.query.get("virtual_host"))
        return redis.Redis(unix_socket_path=look.target.socket_path, db=database, **options)
    if tls is not None:
        options |= {
            "ssl": True,
            "ssl_cert_reqs": "required" if tls.checks else "none",
            "ssl_check_hostname": tls.checks_name,
            "ssl_ca_certs": tls.authorities,
            "ssl_certfile": tls.certificate,
            "ssl_keyfile": tls.key,
        }
    return redis.Redis(
        host=look.target.host or "localhost", port=look.target.port or 6379, db=_database(parts.path), **options
    )


def _database(text: str | None) -> int:
    """Read the number of the database as kombu does (`kombu/transport/redis.py`, `_prepare_virtual_host`)."""
    if not text or text == "/":
        return 0
    try:
        return int(text.removeprefix("/"))
    except ValueError:
        raise ValueError("Database is int between 0 and limit - 1") from None


def _information(client: redis.Redis) -> dict[str, Any]:
    """Give what INFO tells, nothing where this user may not ask."""
    try:
        return dict(client.info())
    except (redis.RedisError, OSError):
        return {}


def _clock(client: redis.Redis) -> Check:
    """Compare the clocks; the server's was read at some moment between question and answer."""
    try:
        before = time.time()
        seconds, microseconds = client.time()
        after = time.time()
    except (redis.RedisError, OSError):
        return Check("clock", Status.UNKNOWN, "the server does not tell its time")
    skew = seconds + microseconds / 1e6 - (before + after) / 2
    doubt = (after - before) / 2
    return skewed(skew, doubt)


def skewed(skew: float, doubt: float) -> Check:
    """Judge by how many seconds the server's clock is ahead of this one, give or take `doubt`."""
    if abs(skew) - doubt <= MOST_SKEW:
        return Check("clock", Status.OK, f"the same as here, to {max(abs(skew), doubt, 0.001):.3f} s")
    ahead = "ahead of" if skew > 0 else "behind"
    return Check(
        "clock",
        Status.WARNING,
        f"the server's is {abs(skew):.1f} s {ahead} this machine's",
        "one of the two is not kept right; countdowns, expiry and redelivery go by the clocks of the machines",
        "`timedatectl` on both shows whether the clock is synchronised",
    )


def _round_trip(look: Look, client: redis.Redis) -> Check:
    """Set a key of a name that nobody else has, which expires, read it and delete it."""
    key, value = f"allotment.doctor.{uuid4()}", uuid4().hex
    watch = Stopwatch()
    try:
        client.set(key, value, ex=_EXPIRES)
        found = client.get(key)
        client.delete(key)
    except (redis.RedisError, OSError) as error:
        with contextlib.suppress(redis.RedisError, OSError):
            client.delete(key)
        return look.failed("round trip", error, watch)
    if found != value.encode():
        return look.failed("round trip", ValueError("what was written did not come back"), watch)
    detail = "a key was written, read and deleted again"
    return Check("round trip", Status.OK, detail, milliseconds=watch.milliseconds)
