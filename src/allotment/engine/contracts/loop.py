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
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from celery import Celery
from celery.result import AsyncResult
from celery.utils.objects import Bunch

from allotment.engine.results import close_backend

R = TypeVar("R")

LOOK = 0.005
"""Seconds between two looks for results, and the longest that a call waits because of one."""

ASK = 2.0
"""Seconds after which the backend is asked outright: a message that tells of a result may be lost."""

_LINE = "allotment_line"
_MAKING = threading.Lock()


class Line:
    """The thread of one app: does what it is given in order, and looks for the results that are waited for."""

    def __init__(self, app: Celery) -> None:
        self.pid = os.getpid()
        self._app = app
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._awaited: dict[str, tuple[AsyncResult, Callable[[], None]]] = {}
        self._asked = 0.0
        self._ended = False
        self._thread = _Thread(self, self._work)
        self._thread.start()

    def let_go(self, identity: str) -> None:
        """Have the backend forget a result that nobody holds any more; may be called from anywhere."""
        self._jobs.put(lambda: _let_go(self._app.backend, identity))

    async def call(self, function: Callable[[], R]) -> R:
        """Run a function in the thread and give what it gives."""
        event_loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = event_loop.create_future()

        def run() -> None:
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                _tell(event_loop, future, future.set_exception, error)
            else:
                _tell(event_loop, future, future.set_result, value)

        self._jobs.put(run)
        return await future

    async def ended(self, result: AsyncResult) -> None:
        """Wait until a result is there that this thread sent."""
        event_loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = event_loop.create_future()

        def begin() -> None:
            _listen(result)
            self._awaited[result.id] = (result, lambda: _tell(event_loop, future, future.set_result, None))

        self._jobs.put(begin)
        try:
            await future
        finally:
            self._jobs.put(lambda: self._forget(result))

    def _forget(self, result: AsyncResult) -> None:
        self._awaited.pop(result.id, None)

    def end(self) -> None:
        """End the thread, and what its backend holds; waits for it."""

        def last() -> None:
            close_backend(self._app)
            self._ended = True

        self._jobs.put(last)
        self._thread.join()

    def _work(self) -> None:
        while not self._ended:
            with contextlib.suppress(queue.Empty):
                self._jobs.get(block=not self._awaited)()
                continue
            self._look()

    def _look(self) -> None:
        try:
            _drain(self._app.backend, LOOK)
            ask = time.monotonic() - self._asked > ASK
            for result, tell in list(self._awaited.values()):
                if _is_there(result, ask=ask):
                    self._forget(result)
                    tell()
            if ask:
                self._asked = time.monotonic()
        except Exception:  # noqa: BLE001 - the backend is away; whoever waits has a timeout of its own
            time.sleep(ASK)


class _Thread(threading.Thread):
    """The thread of a line."""

    def __init__(self, line: Line, work: Callable[[], None]) -> None:
        super().__init__(target=work, name="allotment-line", daemon=True)
        self.line = line


class LineResult(AsyncResult):
    """A result that a line sent. Celery's own would use the line's backend in whatever thread lets go of it."""

    def __init__(self, task_id: str, line: Line, **options: Any) -> None:
        super().__init__(task_id, **options)
        self._line = line

    def __del__(self) -> None:
        """Leave it to the line."""
        self._line.let_go(self.id)


def current_line() -> Line | None:
    """Give the line whose thread this is."""
    thread = threading.current_thread()
    return thread.line if isinstance(thread, _Thread) else None


def line_of(app: Celery) -> Line:
    """Give the app's thread; a forked process has one of its own."""
    with _MAKING:
        line: Line | None = app.__dict__.get(_LINE)
        if line is None or line.pid != os.getpid():
            line = app.__dict__[_LINE] = Line(app)
        return line


def end_line(app: Celery) -> None:
    """End the app's thread, where it has one."""
    with _MAKING:
        line: Line | None = app.__dict__.pop(_LINE, None)
    if line is not None and line.pid == os.getpid():
        line.end()


class Sent:
    """Waits for a result that an app's thread sent."""

    def __init__(self, line: Line, result: AsyncResult) -> None:
        self._line = line
        self._result = result

    def __await__(self) -> Generator[Any, None, Any]:
        """Give the value as it was received; raise what the task raised."""
        if not self._result._cache:  # noqa: SLF001 - Celery has no way to ask that asks no backend
            yield from self._line.ended(self._result).__await__()
        return self._result.get(disable_sync_subtasks=False)


class Polled:
    """Waits for a result that the thread of this event loop sent, by looking again and again."""

    def __init__(self, result: AsyncResult) -> None:
        self._result = result

    def __await__(self) -> Generator[Any, None, Any]:
        """Give the value as it was received; raise what the task raised."""
        yield from self._ended().__await__()
        return self._result.get(disable_sync_subtasks=False)

    async def _ended(self) -> None:
        result = self._result
        _listen(result)
        asked = time.monotonic()
        while not _is_there(result, ask=time.monotonic() - asked > ASK):
            if time.monotonic() - asked > ASK:
                asked = time.monotonic()
            await asyncio.sleep(LOOK)
            _drain(result.backend, 0.0005)


def _tell(
    event_loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], tell: Callable[[Any], None], value: Any
) -> None:
    """Settle a future of another thread's event loop, unless nobody waits any more."""

    def settle() -> None:
        if not future.done():
            tell(value)

    with contextlib.suppress(RuntimeError):  # the event loop is closed
        event_loop.call_soon_threadsafe(settle)


def _let_go(backend: Any, identity: str) -> None:
    if hasattr(backend, "remove_pending_result"):
        with contextlib.suppress(Exception):  # the backend is away, and has forgotten
            backend.remove_pending_result(Bunch(id=identity))


def _listen(result: AsyncResult) -> None:
    """Have the backend take in the result when it comes, and look whether it came before."""
    if hasattr(result.backend, "add_pending_result"):
        result.backend.add_pending_result(result, weak=True)
    _is_there(result, ask=True)


def _is_there(result: AsyncResult, *, ask: bool) -> bool:
    """Say whether a result has come in; `ask` the backend where it does not come by itself."""
    if result._cache:  # noqa: SLF001 - as above
        return True
    pushes = hasattr(result.backend, "result_consumer")
    stores = not pushes or hasattr(result.backend, "get_key_for_task")
    if stores and (ask or not pushes):
        result._get_task_meta()  # noqa: SLF001 - what its properties call
    return bool(result._cache)  # noqa: SLF001 - as above


def _drain(backend: Any, seconds: float) -> None:
    """Take in what has come, waiting at most so long."""
    consumer = getattr(backend, "result_consumer", None)
    if consumer is None:
        time.sleep(seconds)
        return
    with contextlib.suppress(TimeoutError):
        consumer.drain_events(timeout=seconds)
