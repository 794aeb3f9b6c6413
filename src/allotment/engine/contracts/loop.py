"""Sending and waiting for programs with an event loop, which Celery knows nothing of.

A result backend belongs to the thread that sent: what comes back over `rpc://` arrives at a queue of that thread alone
(`thread_oid`, `celery/app/base.py`). So each app has one thread here that sends for its event loops and takes in what
comes back.
"""

import asyncio
import contextlib
import os
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from celery import Celery
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult

from allotment.engine.contracts.receiving import is_there, let_go, listen, take_in
from allotment.engine.results import close_backend

R = TypeVar("R")

LOOK = 0.005
"""Seconds between two looks for results, and the longest that a call waits because of one."""

ASK = 2.0
"""Seconds after which the backend is asked outright: a message that tells of a result may be lost."""

PAUSE = 0.2
"""Seconds before another look where the backend could not be looked at."""

_LINE = "allotment_line"
_MAKING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Waiter:
    """Somebody who waits for a result: how to tell them that it is there, and whether they still wait."""

    result: AsyncResult
    tell: Callable[[], object]
    waits: Callable[[], bool]


class Line:
    """The thread of one app: does what it is given in order, and looks for the results that are waited for."""

    def __init__(self, app: Celery) -> None:
        self.pid = os.getpid()
        self._app = app
        self._jobs: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._waiters: dict[Waiter, None] = {}
        self._asked = 0.0
        self._ended = False
        self._thread = _Thread(self, self._work)
        self._thread.start()

    def do(self, job: Callable[[], object]) -> None:
        """Have the thread do something whose errors matter to nobody; may be called from anywhere."""
        self._jobs.put(job)

    async def call(self, function: Callable[[], R]) -> R:
        """Have the thread do something and give what comes of it."""
        settled = _Settled[R](asyncio.get_running_loop())
        self.do(lambda: settled.by(function))
        return await settled.future

    async def ended(self, result: AsyncResult) -> None:
        """Wait until a result is there that this thread sent. Raises what listening for it raises."""
        settled = _Settled[None](asyncio.get_running_loop())
        waiter = Waiter(result, lambda: settled.by(_nothing), settled.waits)
        self.do(lambda: settled.by(lambda: self._begin(waiter), only_errors=True))
        try:
            await settled.future
        finally:
            self.do(lambda: self._waiters.pop(waiter, None))

    def wait(self, result: AsyncResult, seconds: float | None) -> bool:
        """Do as `ended` in a thread without an event loop; say whether the result came in time."""
        came: Future[None] = Future()

        def tell() -> None:
            if not came.done():
                came.set_result(None)

        waiter = Waiter(result, tell, lambda: not came.done())

        def begin() -> None:
            try:
                self._begin(waiter)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                came.set_exception(error)

        self.do(begin)
        try:
            came.result(seconds)
        except TimeoutError:
            return False
        finally:
            self.do(lambda: self._waiters.pop(waiter, None))
        return True

    def end(self) -> None:
        """End the thread, and what its backend holds; waits for it."""

        def last() -> None:
            self._ended = True
            close_backend(self._app)

        self.do(last)
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the thread runs, in this process."""
        return self.pid == os.getpid() and self._thread.is_alive()

    def _begin(self, waiter: Waiter) -> None:
        listen(waiter.result)
        self._waiters[waiter] = None

    def _work(self) -> None:
        while not self._ended:
            try:
                job = self._jobs.get(block=not self._waiters)
            except queue.Empty:
                self._look()
                continue
            with contextlib.suppress(Exception):  # whoever waits for it was told
                job()

    def _look(self) -> None:
        try:
            take_in(self._app.backend, LOOK)
            ask = time.monotonic() - self._asked > ASK
            for waiter in list(self._waiters):
                if not waiter.waits():
                    del self._waiters[waiter]
                elif is_there(waiter.result, ask=ask):
                    del self._waiters[waiter]
                    waiter.tell()
            if ask:
                self._asked = time.monotonic()
        except Exception:  # noqa: BLE001 - the backend is away; whoever waits has a timeout of its own
            time.sleep(PAUSE)


def _nothing() -> None:
    """Settle with nothing."""


class _Settled(Awaitable[R]):
    """A future of an event loop that another thread settles, once, unless nobody waits any more."""

    def __init__(self, event_loop: asyncio.AbstractEventLoop) -> None:
        self._loop = event_loop
        self.future: asyncio.Future[R] = event_loop.create_future()

    def __await__(self) -> Generator[Any, None, R]:
        return self.future.__await__()

    def waits(self) -> bool:
        """Say whether somebody may still wait."""
        return not (self._loop.is_closed() or self.future.done())

    def by(self, function: Callable[[], R], *, only_errors: bool = False) -> None:
        """Settle with what a function gives or raises; `only_errors`: with nothing else."""
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            self._tell(self.future.set_exception, error)
        else:
            if not only_errors:
                self._tell(self.future.set_result, value)

    def _tell(self, tell: Callable[[Any], None], value: Any) -> None:
        def settle() -> None:
            if not self.future.done():
                tell(value)

        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(settle)


class _Thread(threading.Thread):
    """The thread of a line."""

    def __init__(self, line: Line, work: Callable[[], None]) -> None:
        super().__init__(target=work, name="allotment-line", daemon=True)
        self.line = line


class LineResult(AsyncResult):
    """A result that a line sent: what asks the backend is done in the line's thread, to which that belongs."""

    def __init__(self, task_id: str, line: Line, **options: Any) -> None:
        super().__init__(task_id, **options)
        self._line = line

    def __del__(self) -> None:
        """Have the backend forget it."""
        line, backend, identity = self._line, self.backend, self.id
        line.do(lambda: let_go(backend, identity))

    def get(self, timeout: float | None = None, *arguments: Any, **options: Any) -> Any:
        """Wait as Celery's does."""
        if not self.ignored and not self._cache and not self._line.wait(self, timeout):
            raise CeleryTimeoutError("The operation timed out.")
        return super().get(timeout, *arguments, **options)

    def _get_task_meta(self) -> dict[str, Any]:
        """Give what is known; Celery's `state`, `ready` and the like ask for it."""
        if not self._cache and current_line() is not self._line:
            self._line.wait(self, 4 * LOOK)
        if not self._cache and current_line() is self._line:
            return dict(super()._get_task_meta())
        return self._cache or {"status": "PENDING", "result": None}


def current_line() -> Line | None:
    """Give the line whose thread this is."""
    thread = threading.current_thread()
    return thread.line if isinstance(thread, _Thread) else None


def line_of(app: Celery) -> Line:
    """Give the app's thread; a forked process has one of its own."""
    with _MAKING:
        line: Line | None = app.__dict__.get(_LINE)
        if line is None or not line.alive:
            line = app.__dict__[_LINE] = Line(app)
        return line


def end_line(app: Celery) -> None:
    """End the app's thread, where it has one."""
    with _MAKING:
        line: Line | None = app.__dict__.pop(_LINE, None)
    if line is not None and line.alive:
        line.end()


class Sent:
    """Waits for a result that an app's thread sent."""

    def __init__(self, line: Line, result: AsyncResult) -> None:
        self._line = line
        self._result = result

    def __await__(self) -> Generator[Any, None, Any]:
        """Give the value as it was received; raise what the task raised."""
        if not self._result.ignored and not self._result._cache:  # noqa: SLF001 - Celery's own ways ask the backend
            yield from self._line.ended(self._result).__await__()
        return self._result.get(disable_sync_subtasks=False)


class Polled:
    """Waits for a result that the thread of this event loop sent, by looking again and again."""

    def __init__(self, result: AsyncResult) -> None:
        self._result = result

    def __await__(self) -> Generator[Any, None, Any]:
        """Give the value as it was received; raise what the task raised."""
        if not self._result.ignored:
            yield from self._ended().__await__()
        return self._result.get(disable_sync_subtasks=False)

    async def _ended(self) -> None:
        result = self._result
        listen(result)
        asked = time.monotonic()
        while not is_there(result, ask=time.monotonic() - asked > ASK):
            if time.monotonic() - asked > ASK:
                asked = time.monotonic()
            await asyncio.sleep(LOOK)
            take_in(result.backend, LOOK / 10)
