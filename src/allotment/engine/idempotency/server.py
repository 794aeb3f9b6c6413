"""Which server keeps the keys: the one that keeps the results if it is of the Redis family, else the broker's."""

from typing import Any

from celery import Celery
from celery.app.backends import by_url
from celery.backends.redis import RedisBackend
from redis.backoff import NoBackoff
from redis.retry import Retry

from allotment.engine.addresses import broker_of, results_url
from allotment.engine.idempotency.store import Store
from allotment.model.address import Address, each_url

ANSWER = 5.0
"""Seconds within which the server is to answer; each command is tried twice."""


def has_server(app: Celery) -> bool:
    """Say whether an app has a server that can keep keys. Connects to nothing."""
    return _has_results_there(app) or _broker(app) is not None


def store_of(app: Celery) -> Store:
    """Give the store of an app. Connects when it is first asked, and may be used by all threads of the process."""
    backend = app.backend if _has_results_there(app) else _backend_at(app, _broker(app))
    # Celery's own client waits two minutes for an answer, and a task would hold its place in the pool meanwhile
    parameters = {
        **backend.connparams,
        "socket_timeout": ANSWER,
        "retry": Retry(NoBackoff(), 1),
        "decode_responses": False,
    }
    if "path" not in parameters:  # a socket file takes none (`celery/backends/redis.py`, `_params_from_url`)
        parameters["socket_connect_timeout"] = ANSWER
    return Store(backend._create_client(**parameters), _prefix(app))  # noqa: SLF001 - it knows sentinels and TLS


def _has_results_there(app: Celery) -> bool:
    """Say whether results are kept at a server of the Redis family; a backend of another kind may connect when made."""
    kind, _ = by_url(app.backend_cls or app.conf.result_backend, app.loader)
    return issubclass(kind, RedisBackend)


def _broker(app: Celery) -> Address | None:
    """Give the broker's address if it speaks as Redis does; of several nodes the first, so that all ask the same."""
    address = Address(each_url(broker_of(app))[0])
    return address if address.speaks_redis else None


def _backend_at(app: Celery, broker: Address | None) -> Any:
    """Make a result backend of Celery's for a broker's address, for what it knows of connecting."""
    kind, url = by_url(results_url(None, broker, app.allotment.embedded), app.loader)
    return kind(app=app, url=url)


def _prefix(app: Celery) -> str:
    """Give what the app's other names begin with at this server: a user may be allowed no others."""
    of_results = _has_results_there(app)
    options = app.conf.result_backend_transport_options if of_results else app.conf.broker_transport_options
    return str((options or {}).get("global_keyprefix") or "")
