"""The engine's side of `allotment.contracts.transport`."""

import functools
import os
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from celery import Celery, _state
from celery.canvas import Signature

from allotment.contracts.contract import Contract
from allotment.contracts.implementing import Implementation
from allotment.engine.contracts import loop, shared
from allotment.engine.contracts.environment import app_from_environment
from allotment.engine.contracts.refusing import watch_workers
from allotment.engine.contracts.task import addressed, register_code, task_of

__all__ = ["register", "running", "send", "send_from_loop", "signature", "wait_from_loop", "watch_workers"]

_Arguments = Sequence[Any]
_Keywords = Mapping[str, Any]


def app_of(contract: Contract[..., Any]) -> Celery:
    """Give the app that sends a contract: its own, the one in use, else one made from the environment."""
    return contract.app or _state._tls.current_app or _default_app() or _own_app()  # noqa: SLF001 - see below


def _default_app() -> Celery | None:
    """Give the app that a program made the default; None for the one Celery makes where there is none.

    That one has no address, and any look at `celery.current_app` makes it (`celery/_state.py`, `_get_current_app`).
    """
    app: Celery | None = _state.default_app
    return None if app is None or app.main == "default" else app


@functools.cache
def _own_app() -> Celery:
    return app_from_environment("allotment", os.environ)


def send(contract: Contract[..., Any], args: _Arguments, kwargs: _Keywords, options: dict[str, Any]) -> Any:
    """Publish a call and give Celery's result."""
    return task_of(contract, app_of(contract)).send(args, kwargs, options)


async def send_from_loop(
    contract: Contract[..., Any], args: _Arguments, kwargs: _Keywords, options: dict[str, Any]
) -> tuple[Any, Awaitable[Any]]:
    """Publish a call in a thread of its own; give Celery's result and how to wait for it."""
    app = app_of(contract)
    task = task_of(contract, app)
    line = loop.line_of(app)
    result = await line.call(functools.partial(task.send, args, kwargs, options))
    return result, loop.Sent(line, result)


def wait_from_loop(result: Any) -> Awaitable[Any]:
    """Give how to wait for a result that was sent from this thread."""
    return loop.Polled(result)


def signature(
    contract: Contract[..., Any], args: _Arguments, kwargs: _Keywords, options: dict[str, Any], *, immutable: bool
) -> Any:
    """Give Celery's signature of a call, which remembers its contract as long as it stays in this process."""
    app = app_of(contract)
    task = task_of(contract, app)
    return Signature(task, tuple(args), dict(kwargs), addressed(contract, app, options), immutable=immutable, app=app)


def register(implementation: Implementation[..., Any], app: Any) -> None:
    """Make an implementation a task of an app; None: of every app that is made or finalized, as shared tasks are."""
    watch_workers()
    if app is not None:
        register_code(implementation, app)
        return
    shared.add(implementation)


def running() -> Any:
    """Give Celery's task that runs in this thread, None where none does."""
    return _state.get_current_task()
