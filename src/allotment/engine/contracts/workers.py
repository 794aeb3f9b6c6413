"""An app for one contract alone: the whole of a small consumer, or of a producer."""

import os
from collections.abc import Mapping
from typing import Any, ParamSpec, TypeVar, overload

from celery import Celery

from allotment.contracts.contract import Contract
from allotment.contracts.implementing import Implementation
from allotment.contracts.task_contract import TaskContract
from allotment.engine.contracts.environment import app_from_environment
from allotment.engine.contracts.refusing import watch_workers
from allotment.engine.contracts.task import register_code, register_placeholder
from allotment.errors import ContractInvalid

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=TaskContract)


@overload
def create_worker_from(
    definition: type[T], *, environment: Mapping[str, str] | None = None, **settings: Any
) -> tuple[Celery, T]: ...
@overload
def create_worker_from(
    definition: Implementation[P, R], *, environment: Mapping[str, str] | None = None, **settings: Any
) -> tuple[Celery, Implementation[P, R]]: ...
@overload
def create_worker_from(
    definition: Contract[P, R], *, environment: Mapping[str, str] | None = None, **settings: Any
) -> tuple[Celery, Contract[P, R]]: ...
def create_worker_from(
    definition: Any, *, environment: Mapping[str, str] | None = None, **settings: Any
) -> tuple[Celery, Any]:
    """Give an app for one contract, and the task to call.

        app, task = create_worker_from(Adds)     # the consumer: celery -A this.module worker
        app, task = create_worker_from(Magic)    # a producer: task.delay(1, 2)

    `definition` is a contract or its implementation, as a class or as a function. The app's worker consumes the
    contract's queue and no other; one made from a contract without code refuses to start. Addresses come from
    `environment`, the process's own if left out, as `app_from_environment` says; `settings` are Celery's. From then on
    the contract is sent by this app. Raises ContractInvalid and VariableInvalid.
    """
    contract, implementation, task = _parts(definition)
    app = app_from_environment(
        contract.name, os.environ if environment is None else environment, task_default_queue=contract.queue, **settings
    )
    if implementation is None:
        register_placeholder(contract, app)
    else:
        register_code(implementation, app)
    watch_workers()
    contract.app = app
    return app, task


def _parts(definition: Any) -> tuple[Contract[..., Any], Implementation[..., Any] | None, Any]:
    if isinstance(definition, Contract):
        return definition, None, definition
    if isinstance(definition, Implementation):
        return definition.contract, definition, definition
    if isinstance(definition, type) and issubclass(definition, TaskContract) and hasattr(definition, "contract"):
        return definition.contract, definition.implementation, definition()
    raise ContractInvalid(
        f"{definition!r} is neither a contract nor the implementation of one",
        hint="give a class made from TaskContract, or a function made by @contract or @implements",
    )
