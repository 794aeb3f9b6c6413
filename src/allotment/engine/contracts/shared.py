"""Implementations for every app of a process, as Celery's shared tasks are; one for each contract."""

from typing import Any

from celery import Celery, _state

from allotment.contracts.implementing import Implementation
from allotment.engine.contracts.task import register_code

_SHARED: dict[str, Implementation[..., Any]] = {}


def add(implementation: Implementation[..., Any]) -> None:
    """Register an implementation with every app that is or will be finalized, in place of an earlier one of its place.

    Raises ContractInvalid where there is another one.
    """
    _state.connect_on_app_finalize(_register_all)  # a set: once is enough, and twice is the same
    name = implementation.contract.name
    known = _SHARED.get(name)
    if known is not None and known.place != implementation.place:
        raise implementation.clash_with(known.place)
    _SHARED[name] = implementation
    for app in _state._get_active_apps():  # noqa: SLF001 - as Celery's `shared_task` does (`celery/app/__init__.py`)
        if app.finalized:
            register_code(implementation, app)


def _register_all(app: Celery) -> None:
    for implementation in list(_SHARED.values()):
        register_code(implementation, app)
