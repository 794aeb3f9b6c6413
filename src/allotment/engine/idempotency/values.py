"""What a call came to, as it is kept: written as the app writes its results, and never with pickle."""

from typing import Any

from celery import Celery, states
from kombu.serialization import dumps, loads, prepare_accept_content, registry

UNSAFE = "application/x-python-serialize"
"""The content type of pickle, which runs what it reads."""


def pickles(app: Celery) -> bool:
    """Say whether an app's results are written with pickle."""
    name = app.conf.result_serializer
    return bool(registry.name_to_type.get(name, name) == UNSAFE)


def written(app: Celery, value: Any) -> bytes:
    """Give a task's result as bytes. Raises kombu's EncodeError for what the app's serializer cannot carry."""
    prepared = app.backend.encode_result(value, states.SUCCESS)
    content_type, encoding, payload = dumps(prepared, serializer=app.conf.result_serializer)
    body = payload if isinstance(payload, bytes) else payload.encode(encoding)
    return f"{content_type} {encoding} ".encode() + body


def read(app: Celery, kept: bytes) -> Any:
    """Give the result that these bytes are. Raises kombu's errors for what the app takes no results in."""
    content_type, encoding, body = kept.split(b" ", 2)
    accept = prepare_accept_content(app.conf.result_accept_content or app.conf.accept_content)
    return loads(body, content_type.decode(), encoding.decode(), accept=accept - {UNSAFE})
