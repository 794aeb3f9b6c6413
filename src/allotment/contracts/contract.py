"""A contract: a task's name, signature, types, queue and text, without its code."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from allotment.contracts import registry
from allotment.contracts.arguments import Arguments
from allotment.contracts.result import TypedResult
from allotment.contracts.shape import Shape
from allotment.contracts.transport import transport, watch_workers
from allotment.errors import ContractInvalid, ContractUnimplemented
from allotment.model.names import queue_name, task_name

P = ParamSpec("P")
R = TypeVar("R")


class Contract(Generic[P, R]):
    """The definition of a task that producers call and consumers implement.

    `name` is the task's name, `queue` where it is sent, the name itself unless it is said; `place` is
    `module:attribute`; `app` the Celery app it is sent by, None: the one in use. Raises ContractInvalid.
    """

    def __init__(self, name: str, queue: str | None, function: Callable[P, R], *, place: str, method: bool) -> None:
        self.name, self.queue = _named(place, name, queue or name)
        self.place = place
        self.about = inspect.getdoc(function) or ""
        self.arguments = Arguments(name, function, method=method)
        self.app: Any = None
        self.__doc__ = self.about
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        registry.add(self)
        watch_workers()

    def __repr__(self) -> str:
        return f"<contract {self.shape}>"

    @property
    def shape(self) -> Shape:
        """The signature as data."""
        return self.arguments.shape

    def __call__(self, *_: P.args, **__: P.kwargs) -> NoReturn:
        """Raise ContractUnimplemented: there is no code here."""
        raise unimplemented(self)

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> TypedResult[R]:
        """Send a call. Raises ArgumentsInvalid before anything is sent, and what Celery raises."""
        encoded = self.arguments.encode(args, kwargs)
        return TypedResult(transport().send(self, *encoded, {}), self.arguments.decode_result)

    def apply_async(
        self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> TypedResult[R]:
        """Send a call with Celery's options: countdown, expires, priority, link and so on. Raises as `delay` does."""
        encoded = self.arguments.encode(args, kwargs or {})
        return TypedResult(transport().send(self, *encoded, options), self.arguments.decode_result)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> TypedResult[R]:
        """Send a call without holding up the event loop; `await` what it gives for the value."""
        return await self.aapply_async(args, kwargs)

    async def aapply_async(
        self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> TypedResult[R]:
        """Send a call with Celery's options without holding up the event loop."""
        encoded = self.arguments.encode(args, kwargs or {})
        celery, waiting = await transport().send_from_loop(self, *encoded, options)
        return TypedResult(celery, self.arguments.decode_result, waiting)

    def s(self, *args: Any, **kwargs: Any) -> Any:
        """Give Celery's signature of a call, for chains, groups and chords.

        In a chain the first argument may be left out: it is the result before. Raises ArgumentsInvalid for arguments
        that fit neither way; what is still missing when it is sent is refused then.
        """
        return transport().signature(self, *self.arguments.encode_part(args, kwargs), {}, immutable=False)

    def si(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Give a signature that takes nothing from the task before it. Raises ArgumentsInvalid."""
        return transport().signature(self, *self.arguments.encode(args, kwargs), {}, immutable=True)

    def signature(self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Give a signature with Celery's options; `immutable=True` as for `si`."""
        immutable = bool(options.pop("immutable", False))
        encode = self.arguments.encode if immutable else self.arguments.encode_part
        return transport().signature(self, *encode(args, kwargs or {}), options, immutable=immutable)

    def result(self, celery: Any) -> TypedResult[R]:
        """Give a result of Celery's, as a canvas gives them, as one of this contract."""
        return TypedResult(celery, self.arguments.decode_result)

    def value(self, received: Any) -> R:
        """Give what a value stands for that a result backend or a canvas gave as JSON. Raises ResultInvalid."""
        return self.arguments.decode_result(received)  # type: ignore[no-any-return]


def contract(*, name: str, queue: str | None = None) -> Callable[[Callable[P, R]], Contract[P, R]]:
    """Make a function without code the contract of a task.

        @contract(name="magic", queue="magic")
        def magic(left: int, right: int) -> int: \"\"\"Add two numbers.\"\"\"

    `queue` is where it is sent, left out: a queue of the task's name. Raises ContractInvalid where a parameter or the
    result has no type or one that cannot travel, and where another contract has the name.
    """

    def decorate(function: Callable[P, R]) -> Contract[P, R]:
        place = f"{function.__module__}:{function.__qualname__}"
        if inspect.iscoroutinefunction(function):
            raise ContractInvalid(
                f"{place} is an async function, and Celery runs none", hint="write `def`; `adelay` is there for callers"
            )
        return Contract(name, queue, function, place=place, method=False)

    return decorate


def unimplemented(contract: Contract[Any, Any]) -> ContractUnimplemented:
    """Give the error for a contract that was to run and has no code."""
    module, _, attribute = contract.place.partition(":")
    how = (
        f"make a subclass of {attribute} (from {module}) with a method `run`, and give the worker that one"
        if contract.arguments.method
        else f"bind a function with @implements({attribute}) ({attribute} from {module}) in a module the worker imports"
    )
    return ContractUnimplemented(
        f"{contract.place} is the contract of the task {contract.name!r} and has no code to run", hint=how
    )


def _named(place: str, name: str, queue: str) -> tuple[str, str]:
    if not isinstance(name, str) or not isinstance(queue, str):
        raise ContractInvalid(f"{place}: the name and the queue of a contract are texts", hint='name="shop.bill"')
    try:
        return task_name(name), queue_name(queue)
    except ValueError as error:
        raise ContractInvalid(f"{place}: {error}", hint="the name is the task's at the broker") from None
