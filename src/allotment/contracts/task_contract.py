"""Contracts as classes: a class says what a task takes and gives, a subclass of it does the work."""

import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar, cast, overload

from allotment.contracts.contract import Contract, unimplemented
from allotment.contracts.implementing import Implementation, check_signature, place_of
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
        elif known is not None and _has_code(cls):
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
    async def aapply_async(
        cls, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> TypedResult[Any]:
        """Send a call with Celery's options without holding up the event loop."""
        return await _contract_of(cls).aapply_async(args, kwargs, **options)

    @classmethod
    def result(cls, celery: Any) -> TypedResult[Any]:
        """Give a result of Celery's, as a canvas gives them, as one of this contract."""
        return _contract_of(cls).result(celery)

    @classmethod
    def value(cls, received: Any) -> Any:
        """Give what a value stands for that a result backend or a canvas gave as JSON. Raises ResultInvalid."""
        return _contract_of(cls).value(received)

    @classmethod
    def s(cls, *args: Any, **kwargs: Any) -> Any:
        """Give a signature, for canvas; the first argument may be left to the task before."""
        return _contract_of(cls).s(*args, **kwargs)

    @classmethod
    def signature(cls, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Give a signature with Celery's options."""
        return _contract_of(cls).signature(args, kwargs, **options)


def _contract_of(owner: Any) -> Contract[..., Any]:
    contract: Contract[..., Any] | None = getattr(owner, "contract", None)
    if contract is None:
        raise ContractInvalid(f"{owner.__qualname__} has no name and so is no contract", hint='add name = "…" to it')
    return contract


def _has_code(cls: type[TaskContract]) -> bool:
    """Say whether a class brings a `run` of its own, or one of a class beside its contract."""
    if "run" in cls.__dict__:
        return True
    owner = next(one for one in cls.__mro__ if "run" in one.__dict__)
    return cls.implementation is None and not issubclass(owner, TaskContract)


def _checked_run(cls: type[TaskContract]) -> Callable[..., Any]:
    """Give the method `run`. Raises ContractInvalid where there is none, or one that is no plain method."""
    place = place_of(cls)
    run = inspect.getattr_static(cls, "run", None)
    if run is None:
        raise ContractInvalid(
            f"the contract {place} has no method `run`", hint="def run(self, …) -> …: ... says what it takes and gives"
        )
    if not inspect.isfunction(run) or inspect.iscoroutinefunction(run) or inspect.isasyncgenfunction(run):
        raise ContractInvalid(
            f"`run` of {place} is not a plain method",
            hint="write `def run(self, …) -> …`; `adelay` is there for callers",
        )
    return run


def _define(cls: type[TaskContract], name: str) -> None:
    """Make a class a contract, whose `run` raises."""
    run = _checked_run(cls)
    cls.implementation = None
    cls.contract = contract = Contract(name, cls.queue, run, place=place_of(cls), method=True)
    if cls.__doc__ and not contract.about:
        contract.about = inspect.cleandoc(cls.__doc__)

    @functools.wraps(run)
    def refuse(*_: Any, **__: Any) -> Any:
        raise unimplemented(contract)

    cls.run = refuse  # type: ignore[attr-defined] # a subclass has it, and each with a signature of its own


def _implement(cls: type[TaskContract], contract: Contract[..., Any], app: Any, options: dict[str, Any]) -> None:
    """Make a subclass the code of its contract."""
    run = _checked_run(cls)
    check_signature(contract, run, leading=True)
    one = _Once(cls)

    @functools.wraps(run)
    def call(*args: Any, **kwargs: Any) -> Any:
        return cast("Any", one.made()).run(*args, **kwargs)

    call.__module__, call.__qualname__ = cls.__module__, f"{cls.__qualname__}.run"
    cls.implementation = Implementation(contract, call, bind=False, options=options)
    transport().register(cls.implementation, app)


class _Once:
    """Makes an object of a class when it is first asked for, and only one, whichever thread asks."""

    def __init__(self, cls: type[TaskContract]) -> None:
        self._cls = cls
        self._lock = threading.Lock()
        self._object: TaskContract | None = None

    def made(self) -> TaskContract:
        """Give the object."""
        with self._lock:
            if self._object is None:
                self._object = self._cls()
            return self._object
