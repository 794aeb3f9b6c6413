"""Failures that a worker stores for tasks it never ran: in a thread of its own, however long the result server is away.

A worker whose tasks are delivered at least once waits for its result server without end (`allotment.engine.worker`, and
`celery/backends/base.py`, `_ensure_retryable`). The main loop, which takes the messages, does not: what is to be stored
waits in memory, up to a limit.
"""

import threading
from dataclasses import dataclass
from functools import partial
from queue import Full, Queue
from typing import Any

from celery import Celery
from celery.app.task import Context
from celery.exceptions import NotRegistered
from celery.signals import worker_shutdown
from celery.utils.log import get_logger

MOST_WAITING = 1000
"""Failures that may wait to be stored."""

PATIENCE = 1.0
"""Seconds for which the main loop waits for room among them, once, until another was stored."""

FAREWELL = 5.0
"""Seconds for which a worker that ends waits for those that are not stored yet."""

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that will not be run, what is to be known of it, and the error that is its result."""

    app: Celery
    request: Context
    error: Exception


class StoredFailures:
    """Stores failures one after another. What goes wrong is logged, and stops nothing."""

    def __init__(self) -> None:
        self._waiting: Queue[Failure] = Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._stands_still = False

    def put(self, failure: Failure) -> None:
        """Have a failure stored. Where as many wait as may, it is told of in the log alone."""
        self._start()
        try:
            self._waiting.put(failure, block=not self._stands_still, timeout=PATIENCE)
        except Full:
            self._stands_still = True
            logger.error(  # noqa: TRY400 - the traceback says no more
                "nobody is told that the task %r will not be run: the results of %s others wait to be stored",
                failure.request.id,
                MOST_WAITING,
            )

    def finish(self, seconds: float) -> None:
        """Wait until all are stored, for so long at most."""
        waiting = self._waiting
        with waiting.all_tasks_done:
            if not waiting.all_tasks_done.wait_for(lambda: not waiting.unfinished_tasks, seconds):
                logger.error("nobody is told of %s tasks that will not be run", waiting.unfinished_tasks)

    def _start(self) -> None:
        """Begin with the thread when it is first needed; a forked process has none of its parent's."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="allotment-failures", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        backends: dict[Celery, Any] = {}
        while True:
            failure = self._waiting.get()
            try:
                if failure.app not in backends:
                    backends[failure.app] = _own_backend(failure.app)
                backends[failure.app].mark_as_failure(failure.request.id, failure.error, request=failure.request)
            except Exception:  # what is stored comes from a message, and anything may be in it
                logger.exception("nobody could be told that the task %r will not be run", failure.request.id)
            finally:
                self._waiting.task_done()
                self._stands_still = False


def _own_backend(app: Celery) -> Any:
    """Make a result backend for this thread, which runs no errback: the main process of a worker is no place for it.

    Celery calls an errback there if it takes more than the id of the failed task (`celery/backends/base.py`,
    `_call_task_errbacks`): one that takes its time would hold up the thread, and one that exits would end the worker.
    Those that take the id alone are sent as tasks.
    """
    backend = app._get_backend()  # noqa: SLF001 - Celery has no public name for one that is not shared
    send = backend._call_task_errbacks  # noqa: SLF001 - there is no hook for it
    backend._call_task_errbacks = partial(_send_errbacks, backend, send)  # noqa: SLF001 - as above
    if not backend.thread_safe:
        app._backend = backend  # noqa: SLF001 - for this thread alone: where a chord fails, Celery asks the app for one
    return backend


def _send_errbacks(backend: Any, send: Any, request: Context, error: Exception, traceback: Any) -> None:
    found = [backend.app.signature(errback) for errback in request.errbacks or ()]
    called = [errback for errback in found if _would_be_called(backend, errback)]
    for errback in called:
        logger.error("the errback %r of the task %r is left out: it takes more than an id", errback.task, request.id)
    request.errbacks = [errback for errback in found if errback not in called]
    if request.errbacks:
        send(request, error, traceback)


def _would_be_called(backend: Any, errback: Any) -> bool:
    """Say whether Celery would call an errback in this process, as `_call_task_errbacks` decides it."""
    try:
        header = getattr(errback.type, "__header__", None)
    except NotRegistered:
        return False
    if header is None or isinstance(header, partial):
        return False
    return bool(backend._errback_arity_greater(errback, 1))  # noqa: SLF001 - the decision is its


stored_failures = StoredFailures()
"""Those of this process."""


@worker_shutdown.connect(weak=False, dispatch_uid="allotment-stored-failures")
def _finish(**_: Any) -> None:
    stored_failures.finish(FAREWELL)
