"""Contracts as classes: a class says what a task takes and gives, a subclass of it does the work."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar, cast, overload

from allotment.contracts.contract import Contract, unimplemented
from allotment.contracts.implementing import Implementation, check_signature
from allotment.contracts.result import TypedResult
from allotment.contracts.transport import transport
from allotment.errors import ContractInvalid

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Runs(Protocol[P, R_co]):
    """What a class with a method `run` looks like to a type checker."""

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Do the work."""


class _Delay:
    """`delay`, which takes what the class's own `run` takes."""

    @overload
    def __get__(self, instance: None, owner: type[_Runs[P, R]]) -> Callable[P, TypedResult[R]]: ...
    @overload
    def __get__(self, instance: _Runs[P, R], owner: Any) -> Callable[P, TypedResult[R]]: ...
    def __get__(self, instance: Any, owner: Any) -> Callable[..., TypedResult[Any]]:
        return _contract_of(owner).delay


class _AsyncDelay:
    """`adelay`, likewise."""

    @overload
    def __get__(self, instance: None, owner: type[_Runs[P, R]]) -> Callable[P, Awaitable[TypedResult[R]]]: ...
    @overload
    def __get__(self, instance: _Runs[P, R], owner: Any) -> Callable[P, Awaitable[TypedResult[R]]]: ...
    def __get__(self, instance: Any, owner: Any) -> Callable[..., Awaitable[TypedResult[Any]]]:
        return _contract_of(owner).adelay


class _Immutable:
    """`si`, likewise."""

    @overload
    def __get__(self, instance: None, owner: type[_Runs[P, R]]) -> Callable[P, Any]: ...
    @overload
    def __get__(self, instance: _Runs[P, R], owner: Any) -> Callable[P, Any]: ...
    def __get__(self, instance: Any, owner: Any) -> Callable[..., Any]:
        return _contract_of(owner).si


class TaskContract:
    """The base of contracts in the form of a class.

        class Magic(TaskContract):
            name = "magic"
            def run(self, left: int, right: int) -> int: ...

    A class that sets `name` is a contract: its `run` has no code and is never called. A subclass of it with a `run` is
    the implementation, and a task of the app given as `class Adds(Magic, app=app)`, else of every app in the process,
    as Celery's shared tasks; what else is given so are options of a Celery task. One object of it is made in each
    process when the first call comes. Raises ContractInvalid and ImplementationDiffers when the class is made.
    """

    name: ClassVar[str]
    queue: ClassVar[str | None] = None
    contract: ClassVar[Contract[..., Any]]
    implementation: ClassVar[Implementation[..., Any] | None] = None

    delay = _Delay()
    """Send a call; of the class as of its objects. Raises ArgumentsInvalid before anything is sent."""
    adelay = _AsyncDelay()
    """Send a call without holding up the event loop."""
    si = _Immutable()
    """Give a signature that takes nothing from the task before it."""

    def __init_subclass__(cls, *, app: Any = None, **options: Any) -> None:
        super().__init_subclass__()
        known: Contract[..., Any] | None = getattr(cls, "contract", None)
        name = cls.__dict__.get("name")
        if name is not None and (known is None or name != known.name):
            _define(cls, name)
        elif known is not None and "run" in cls.__dict__:
            _implement(cls, known, app, options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run here what `run` says; a contract without code raises ContractUnimplemented."""
        return cast("Any", self).run(*args, **kwargs)

    @property
    def task(self) -> Any:
        """Celery's task that is running: its `request`, `retry` and so on; None where none runs."""
        return transport().running()

    @classmethod
    def apply_async(
        cls, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> TypedResult[Any]:
        """Send a call with Celery's options."""
        return _contract_of(cls).apply_async(args, kwargs, **options)

    @classmethod
    def s(cls, *args: Any, **kwargs: Any) -> Any:
        """Give a signature, for canvas; the first argument may be left to the task before."""
        return _contract_of(cls).s(*args, **kwargs)


def _contract_of(owner: Any) -> Contract[..., Any]:
    contract: Contract[..., Any] | None = getattr(owner, "contract", None)
    if contract is None:
        raise ContractInvalid(f"{owner.__qualname__} has no name and so is no contract", hint='add name = "…" to it')
    return contract


def _define(cls: type[TaskContract], name: str) -> None:
    """Make a class a contract, whose `run` raises."""
    place = f"{cls.__module__}:{cls.__qualname__}"
    run = getattr(cls, "run", None)
    if run is None:
        raise ContractInvalid(
            f"the contract {place} has no method `run`", hint="def run(self, …) -> …: ... says what it takes and gives"
        )
    cls.implementation = None
    cls.contract = contract = Contract(name, cls.__dict__.get("queue"), run, place=place, method=True)
    if cls.__doc__ and not contract.about:
        contract.about = inspect.cleandoc(cls.__doc__)

    @functools.wraps(run)
    def refuse(*_: Any, **__: Any) -> Any:
        raise unimplemented(contract)

    cls.run = refuse  # type: ignore[attr-defined] # a subclass has it, and each with a signature of its own


def _implement(cls: type[TaskContract], contract: Contract[..., Any], app: Any, options: dict[str, Any]) -> None:
    """Make a subclass the code of its contract."""
    run = cls.__dict__["run"]
    check_signature(contract, run, leading=True)
    one = functools.cache(cls)

    @functools.wraps(run)
    def call(*args: Any, **kwargs: Any) -> Any:
        return cast("Any", one()).run(*args, **kwargs)

    cls.implementation = Implementation(contract, call, bind=False, options=options)
    transport().register(cls.implementation, app)
