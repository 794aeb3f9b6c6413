"""The code of a contract: a function bound to it, whose signature is the contract's."""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from allotment.contracts.contract import Contract
from allotment.contracts.result import TypedResult
from allotment.contracts.transport import transport
from allotment.contracts.values import written
from allotment.errors import ContractInvalid, ImplementationDiffers

P = ParamSpec("P")
R = TypeVar("R")

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class Implementation(Generic[P, R]):
    """A function that does what a contract says. Called, it runs here; `delay` sends it as the contract does.

    With `bind` it takes its task first; `options` are those of that Celery task.
    """

    def __init__(
        self, contract: Contract[P, R], function: Callable[..., R], *, bind: bool, options: dict[str, Any]
    ) -> None:
        self.contract = contract
        self.function = function
        self.bind = bind
        self.options = options
        functools.update_wrapper(self, function)
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here, as it is. A bound one needs its task before the arguments."""
        return self.function(*args, **kwargs)

    @property
    def place(self) -> str:
        """Where its code is, as `module:attribute`."""
        return place_of(self.function)

    def clash_with(self, other: str) -> ContractInvalid:
        """Give the error for an app that has another task of this name already, from another place."""
        return ContractInvalid(
            f"there are two tasks {self.contract.name!r}: {other} and {self.place}",
            hint="a contract is implemented once in an app: take one of them out, or give each an app of its own",
        )

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> TypedResult[R]:
        """Send a call, as the contract does."""
        return self.contract.delay(*args, **kwargs)

    def apply_async(
        self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> TypedResult[R]:
        """Send a call with Celery's options, as the contract does."""
        return self.contract.apply_async(args, kwargs, **options)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> TypedResult[R]:
        """Send a call without holding up the event loop, as the contract does."""
        return await self.contract.adelay(*args, **kwargs)

    def s(self, *args: Any, **kwargs: Any) -> Any:
        """Give a signature, as the contract does."""
        return self.contract.s(*args, **kwargs)

    def si(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Give a signature that takes nothing from the task before it, as the contract does."""
        return self.contract.si(*args, **kwargs)


@overload
def implements(
    contract: Contract[P, R], *, app: Any = None, bind: Literal[False] = False, **options: Any
) -> Callable[[Callable[P, R]], Implementation[P, R]]: ...
@overload
def implements(
    contract: Contract[P, R], *, app: Any = None, bind: Literal[True], **options: Any
) -> Callable[[Callable[Concatenate[Any, P], R]], Implementation[P, R]]: ...
def implements(
    contract: Contract[P, R], *, app: Any = None, bind: bool = False, **options: Any
) -> Callable[[Callable[..., R]], Implementation[P, R]]:
    """Make a function the code of a contract, and a task of the app.

        @implements(magic)
        def add(left: int, right: int) -> int:
            return left + right

    `app` None: of every app in this process, as Celery's `shared_task`. With `bind` the function takes the task itself
    first. `options` are those of a Celery task: max_retries, autoretry_for, acks_late and so on. Raises
    ImplementationDiffers where the function does not have the contract's signature.
    """
    if not isinstance(contract, Contract):
        raise ContractInvalid(
            f"{written(contract) if isinstance(contract, type) else repr(contract)} is no contract made by @contract",
            hint="of a TaskContract make a subclass with a method `run`",
        )

    def decorate(function: Callable[..., R]) -> Implementation[P, R]:
        check_signature(contract, function, leading=bind)
        implementation = Implementation(contract, function, bind=bind, options=options)
        transport().register(implementation, app)
        return implementation

    return decorate


def check_signature(contract: Contract[Any, Any], function: Callable[..., Any], *, leading: bool) -> None:
    """See that a function takes what the contract promises. Raises ImplementationDiffers saying what does not fit.

    Names, kinds and order must agree, and types where the function says any; `leading`: its first parameter is the
    task or `self`. More parameters are right where they have defaults, but no producer will give them.
    """
    place = place_of(function)
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(one(function) for one in kinds):
        raise ImplementationDiffers(
            f"{place} is an async function or a generator, and Celery runs neither", hint="write a plain `def`"
        )
    found = list(inspect.signature(function).parameters.values())[1 if leading else 0 :]
    hints = _hints(function)
    wanted = contract.arguments.signature.parameters
    faults = [
        *_misplaced(list(wanted.values()), found),
        *(fault for parameter in found if (fault := _extra(parameter, wanted))),
        *_mistyped(contract, hints),
    ]
    if faults:
        raise ImplementationDiffers(
            f"{place} does not implement {contract.shape}: {'; '.join(faults)}",
            hint=f"its signature must be that of {contract.place}",
        )


def place_of(code: Any) -> str:
    """Give where code is defined, as `module:attribute`; of an object without a name, where its class is."""
    named = code if hasattr(code, "__qualname__") else type(code)
    return f"{named.__module__}:{named.__qualname__}"


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ImplementationDiffers(
            f"{place_of(function)} names a type that is not there: {error}",
            hint="import it at run time, not under TYPE_CHECKING",
        ) from None


def _misplaced(wanted: list[Parameter], found: list[Parameter]) -> list[str]:
    by_name = {parameter.name: (place, parameter) for place, parameter in enumerate(found)}
    faults = []
    for place, parameter in enumerate(wanted):
        if parameter.name not in by_name:
            faults.append(f"it lacks {parameter.name!r}")
            continue
        its_place, its = by_name[parameter.name]
        if its.kind is not parameter.kind:
            faults.append(f"{parameter.name!r} is {its.kind.description} there, {parameter.kind.description} here")
        elif its_place != place and parameter.kind is not Parameter.KEYWORD_ONLY:
            faults.append(f"{parameter.name!r} comes {its_place + 1}., not {place + 1}.")
        elif parameter.default is not Parameter.empty and its.default is Parameter.empty:
            faults.append(f"{parameter.name!r} has no default, so calls without it would fail")
    return faults


def _extra(parameter: Parameter, wanted: Any) -> str | None:
    if parameter.name in wanted or parameter.default is not Parameter.empty or parameter.kind not in _NAMED:
        return None
    return f"it also needs {parameter.name!r}, which no caller gives"


def _mistyped(contract: Contract[Any, Any], hints: dict[str, Any]) -> list[str]:
    faults = []
    for name, expected in contract.arguments.hints.items():
        if name not in hints:
            continue
        its = type(None) if hints[name] is None else hints[name]
        if its != (type(None) if expected is None else expected):
            what = "the result" if name == "return" else repr(name)
            faults.append(f"{what} is {written(its)}, not {written(expected)}")
    return faults
