"""What a fleet's result backend can do, asked before it is relied on."""

import contextlib
from typing import Any

from celery import Celery
from celery.backends.base import DisabledBackend
from celery.backends.rpc import RPCBackend

from allotment.engine.publishing.redis_words import is_of_redis, reason_to_refuse
from allotment.errors import ResultsUnavailable

_OTHERS = "a result backend that stores: embedded, redis:// or a database"


def require_results(app: Celery) -> None:
    """Raise ResultsUnavailable where no results are kept."""
    if isinstance(app.backend, DisabledBackend):
        raise ResultsUnavailable("this fleet keeps no results (results: none)", hint=f"name {_OTHERS}")


def require_joins(app: Celery) -> None:
    """Raise ResultsUnavailable where tasks that run side by side cannot be joined again."""
    require_results(app)
    try:
        app.backend.ensure_chords_allowed()
    except NotImplementedError:
        raise ResultsUnavailable(
            "the result backend cannot join tasks that run side by side", hint=f"name {_OTHERS}"
        ) from None


def stored(app: Celery) -> bool:
    """Say whether results can be read by others than the client that sent the tasks."""
    return not isinstance(app.backend, (DisabledBackend, RPCBackend))


def require_stored(app: Celery) -> None:
    """Raise ResultsUnavailable where results cannot be read by others than the client that sent the tasks."""
    require_results(app)
    if not stored(app):
        raise ResultsUnavailable(
            "rpc:// results are kept by the client that sent the task, so nobody else can read them",
            hint=f"name {_OTHERS}",
        )


def try_again_when_refused(backend: Any) -> None:
    """Have a backend that tries again (`result_backend_always_retry`) do so too while its server takes nothing.

    As without memory or room on its disk. Celery's tries again after errors of the connection alone
    (`celery/backends/redis.py`, `exception_safe_to_retry`).
    """
    decide = backend.exception_safe_to_retry
    backend.exception_safe_to_retry = lambda error: (
        decide(error) or (is_of_redis(error) and reason_to_refuse(error) is not None)
    )


def close_backend(app: Celery) -> None:
    """Close the connections of an app's result backend: those of the thread that calls, as each has its own."""
    backend = app.backend
    consumer = getattr(backend, "result_consumer", None)
    if consumer is not None:
        with contextlib.suppress(
            AttributeError
        ):  # of `rpc://`, where it never waited (`celery/backends/rpc.py`, `stop`)
            consumer.stop()
    client = getattr(backend, "client", None)
    if client is not None and hasattr(client, "connection_pool"):
        client.connection_pool.disconnect()
