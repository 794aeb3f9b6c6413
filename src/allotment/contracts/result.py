"""The result of a call that was sent."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar, cast

from allotment.contracts.transport import transport

R = TypeVar("R")


class TypedResult(Generic[R]):
    """What a call comes to: Celery's `AsyncResult`, whose value is of the contract's type.

    `celery` is that `AsyncResult`, for all that this class does not have.
    """

    __slots__ = ("_decode", "_waiting", "celery")

    def __init__(self, celery: Any, decode: Callable[[Any], R], waiting: Awaitable[Any] | None = None) -> None:
        self.celery = celery
        self._decode = decode
        self._waiting = waiting

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    @property
    def id(self) -> str:
        """The task's id."""
        return str(self.celery.id)

    @property
    def state(self) -> str:
        """Celery's state of the task: PENDING, STARTED, RETRY, FAILURE, SUCCESS, REVOKED."""
        return str(self.celery.state)

    def ready(self) -> bool:
        """Say whether the task has ended, well or not."""
        return bool(self.celery.ready())

    def successful(self) -> bool:
        """Say whether the task has ended well."""
        return bool(self.celery.successful())

    def failed(self) -> bool:
        """Say whether the task has failed."""
        return bool(self.celery.failed())

    def get(self, timeout: float | None = None, **options: Any) -> R:
        """Wait at most so many seconds and give the value; `options` are those of Celery's `AsyncResult.get`.

        Raises what the task raised, celery.exceptions.TimeoutError, or ResultInvalid.
        """
        value = self.celery.get(timeout=timeout, **options)
        if options.get("propagate", True) or self.celery.successful():
            return self._read(value)
        return value  # type: ignore[no-any-return] # the exception, as it was asked for

    def __await__(self) -> Generator[Any, None, R]:
        """Give the value without holding up the event loop: `await result`, within `asyncio.timeout` if need be.

        A result is awaited in the thread that sent its call. Raises as `get`.
        """
        received = yield from (self._waiting or transport().wait_from_loop(self.celery)).__await__()
        return self._read(received)

    def _read(self, received: Any) -> R:
        """Give the value; of a call whose result is ignored it is None, whatever the contract says."""
        return self._decode(received) if not self.celery.ignored else cast("R", None)

    def forget(self) -> None:
        """Let go of the value at the result backend."""
        self.celery.forget()

    def revoke(self, *, terminate: bool = False) -> None:
        """Tell the workers not to run the task; with `terminate`, to end it where it runs."""
        self.celery.revoke(terminate=terminate)
