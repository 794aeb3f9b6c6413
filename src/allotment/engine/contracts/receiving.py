"""Results that come in: how a backend of Celery's is made to listen, and looked at without waiting for one of them."""

import contextlib
import time
from typing import Any

from celery.backends.base import DisabledBackend
from celery.result import AsyncResult
from celery.utils.objects import Bunch

from allotment.errors import ResultsUnavailable


def listen(result: AsyncResult) -> None:
    """Have the backend take in a result when it comes, and look whether it came before.

    Raises ResultsUnavailable where the app keeps none, and what the backend raises.
    """
    if isinstance(result.backend, DisabledBackend):
        raise ResultsUnavailable(
            f"the app {result.app.main!r} keeps no results, so nothing comes of waiting for one",
            hint="give it a result backend: rpc://, redis:// or a database",
        )
    if hasattr(result.backend, "add_pending_result"):
        result.backend.add_pending_result(result, weak=True)
    is_there(result, ask=True)


def is_there(result: AsyncResult, *, ask: bool) -> bool:
    """Say whether a result has come in; `ask` the backend where it does not come by itself."""
    if result._cache:  # noqa: SLF001 - Celery has no way to ask that asks no backend
        return True
    pushes = hasattr(result.backend, "result_consumer")
    stores = not pushes or hasattr(result.backend, "get_key_for_task")
    if stores and (ask or not pushes):
        result._get_task_meta()  # noqa: SLF001 - what its properties call
    return bool(result._cache)  # noqa: SLF001 - as above


def take_in(backend: Any, seconds: float) -> None:
    """Take in what has come, waiting at most so long."""
    consumer = getattr(backend, "result_consumer", None)
    if consumer is None:
        time.sleep(seconds)
        return
    with contextlib.suppress(TimeoutError):
        consumer.drain_events(timeout=seconds)


def let_go(backend: Any, identity: str) -> None:
    """Have the backend forget a result that nobody holds any more."""
    if hasattr(backend, "remove_pending_result"):
        backend.remove_pending_result(Bunch(id=identity))
