"""The Celery task of a contract, in the producer as in the worker."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from celery import Celery, Task
from celery.result import AsyncResult

from allotment.contracts.contract import Contract, unimplemented
from allotment.contracts.implementing import Implementation
from allotment.engine.app import routed_to
from allotment.engine.contracts.loop import LineResult, current_line
from allotment.errors import ArgumentsInvalid, ResultInvalid

HEADER = "allotment_contract"
"""A header of each message: the digest and the shape of the contract as the sender has it."""

WHERE = ("queue", "exchange", "routing_key")
"""The options of a call that say where it is sent."""

_SENDERS = "allotment_senders"


class ContractTask(Task):
    """A task whose arguments and result are those of a contract.

    Given without its code it sends alone, and `run` raises ContractUnimplemented. What comes here by Celery's own ways
    (a canvas, a retry, `app.tasks`) is checked before it is sent.
    """

    abstract = True
    typing = False
    Strategy = "allotment.engine.contracts.versions:strategy"
    contract: ClassVar[Contract[..., Any]]
    implementation: ClassVar[Implementation[..., Any] | None] = None

    def run(self, *_: Any, **__: Any) -> Any:
        """Raise ContractUnimplemented: there is no code."""
        raise unimplemented(self.contract)

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult:
        """Check and send. Raises ArgumentsInvalid."""
        self.contract.arguments.decode(args or (), kwargs or {})
        return self.send(args or (), kwargs or {}, options)

    def send(self, args: Sequence[Any], kwargs: Mapping[str, Any], options: dict[str, Any]) -> AsyncResult:
        """Send arguments that were checked, to the contract's queue where nothing else says where."""
        if self.implementation is None and self.app.conf.task_always_eager:
            code = self.app.tasks.get(self.name)  # which finalizes the app, and so brings in the code there is
            if code is None or code.implementation is None:
                raise unimplemented(self.contract)
            return code.send(args, kwargs, options)
        return super().apply_async(args, kwargs, **addressed(self.contract, self.app, options))

    def AsyncResult(self, task_id: str, **options: Any) -> AsyncResult:  # noqa: N802 - Celery's name
        """Give the result of a call that is sent from this thread."""
        line = current_line()
        if line is None:
            return super().AsyncResult(task_id, **options)
        return LineResult(task_id, line, backend=self.backend, task_name=self.name, app=self.app)


def addressed(contract: Contract[..., Any], app: Celery, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the options of a call with the contract's header and, where nothing else routes it, with its queue."""
    found = dict(options)
    found["headers"] = {**(found.get("headers") or {}), HEADER: header_of(contract)}
    routed = hasattr(app, "allotment") or any(found.get(key) for key in WHERE)
    if not routed and not (app.conf.task_routes and routed_to(app.conf.task_routes, contract.name)):
        found["queue"] = contract.queue
    return found


@functools.cache
def header_of(contract: Contract[..., Any]) -> dict[str, str]:
    """Give what travels with each message of a contract."""
    return {"digest": contract.shape.digest, "shape": contract.shape.text}


def task_of(contract: Contract[..., Any], app: Celery) -> ContractTask:
    """Give the app's task for a contract: the one registered there, else one that sends alone."""
    registered = app._tasks.get(contract.name)  # noqa: SLF001 - `tasks` would finalize the app
    if isinstance(registered, ContractTask) and registered.implementation is None:
        registered = app.tasks[contract.name]  # the code may be there by now, and comes in when the app is finalized
    if isinstance(registered, ContractTask) and registered.contract is contract:
        return registered
    senders: dict[str, ContractTask] = app.__dict__.setdefault(_SENDERS, {})
    task = senders.get(contract.name)
    if task is None or task.contract is not contract:
        task = senders[contract.name] = _made(contract, app)
    return task


def _made(contract: Contract[..., Any], app: Celery) -> ContractTask:
    kind: Any = type(
        contract.__name__, (ContractTask,), {"name": contract.name, "contract": contract, **_told(contract)}
    )
    kind.bind(app)
    task: ContractTask = kind()
    return task


def _told(contract: Contract[..., Any]) -> dict[str, str]:
    return {"__module__": contract.__module__, "__doc__": contract.about}


def register_placeholder(contract: Contract[..., Any], app: Celery) -> None:
    """Register a contract without its code: a worker of this app refuses to start."""
    if contract.name not in app._tasks:  # noqa: SLF001 - as above
        app._tasks.register(_made(contract, app))  # noqa: SLF001 - as above


def register_code(implementation: Implementation[..., Any], app: Celery) -> None:
    """Register the code of a contract with an app, in place of a placeholder.

    Raises ContractInvalid where the app has another task of that name.
    """
    contract = implementation.contract
    there = app._tasks.get(contract.name)  # noqa: SLF001 - as above
    if isinstance(there, ContractTask) and there.implementation is implementation:
        return
    if isinstance(there, ContractTask) and (
        there.implementation is None or there.implementation.place == implementation.place
    ):
        app._tasks.unregister(contract.name)  # noqa: SLF001 - as above
    elif there is not None:
        raise implementation.clash_with(f"{there.__module__}:{type(there).__qualname__}")
    options = dict(implementation.options)
    if options.get("autoretry_for"):
        # what does not fit now does not fit later
        options["dont_autoretry_for"] = (*options.get("dont_autoretry_for", ()), ArgumentsInvalid, ResultInvalid)
    app._task_from_fun(  # noqa: SLF001 - what Celery's `shared_task` calls (`celery/app/__init__.py`)
        _running(implementation),
        name=contract.name,
        base=ContractTask,
        contract=contract,
        implementation=implementation,
        bind=implementation.bind,
        **options,
    )


def _running(implementation: Implementation[..., Any]) -> Callable[..., Any]:
    """Give the function that a worker calls with what it received, and whose result it stores."""
    arguments, function = implementation.contract.arguments, implementation.function
    decode, encode_result = arguments.decode, arguments.encode_result
    if implementation.bind:

        @functools.wraps(function)
        def run_bound(self: Any, *args: Any, **kwargs: Any) -> Any:
            in_order, by_name = decode(args, kwargs)
            return encode_result(function(self, *in_order, **by_name))

        return run_bound

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        in_order, by_name = decode(args, kwargs)
        return encode_result(function(*in_order, **by_name))

    return run
