"""Time limits for tasks that run in threads: what Celery has for processes only.

An exception is raised in a task's thread from outside (`PyThreadState_SetAsyncExc` of Python's C interface), and only
while the thread is in the task's own code: not in what Celery does around it, and never in the next task. Tasks that
are registered after the worker started know the hard limit only.
"""

import ctypes
import math
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from functools import wraps
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_logger

_SOON = 0.05
"""Seconds between looks at a task that has not got to its own code yet."""
_LONGEST_WAIT = 3600.0

logger = get_logger(__name__)


class TaskAbandoned(BaseException):
    """Raised in the thread of a task whose hard limit has passed: nobody waits for what it gives any more."""


class Fate(Enum):
    """How an attempt ends, once that is decided; STRIKING while the clock is at it."""

    STRIKING = auto()
    OVER = auto()
    ABANDONED = auto()


class Attempt:
    """A run of a task with limits, in the thread that makes it. Either its own thread or the clock decides its fate.

    The fate is the one value of a dictionary, which `setdefault` fills in one step. A lock would not do: an exception
    that the clock raises in the thread could come just after the thread took it, and leave it taken.
    """

    def __init__(self, soft: float | None, hard: float | None, tell: Callable[[bool, float], Any] | None) -> None:
        """Begin one in this thread; limits in seconds. `tell` takes whether the soft one has passed, and the limit."""
        now = time.monotonic()
        self._soft, self._hard, self._tell = soft, hard, tell
        self.thread = threading.current_thread()
        self.in_body = False
        self._soft_at = now + soft if soft else math.inf
        self._hard_at = now + hard if hard else math.inf
        self._struck = False
        self._fate: dict[None, Fate] = {}

    @property
    def due(self) -> float:
        """When the clock has to look at it next."""
        return min(self._soft_at, self._hard_at)

    def enter(self) -> None:
        """Begin the task's own code: from now on exceptions may come."""
        self.in_body = True
        while (fate := self._fate.get(None)) is Fate.STRIKING:
            time.sleep(0)
        if fate is Fate.ABANDONED:
            raise TaskAbandoned

    def leave(self) -> None:
        """End the task's own code: no exception comes after this. May be called again if one cut it short."""
        if not self.settle():
            raise TaskAbandoned
        if self._struck:
            _raise_in(self.thread, None)

    def settle(self) -> bool:
        """Take the decision away from the clock; say whether what the task gave counts."""
        while (fate := self._fate.setdefault(None, Fate.OVER)) is Fate.STRIKING:
            time.sleep(0)
        return fate is Fate.OVER

    def strike(self, now: float) -> bool:
        """Do what is due by now; say whether that was to abandon the task. For the clock alone."""
        hard = now >= self._hard_at
        if not hard and not self.in_body:  # Celery's own code, where the exception would do harm
            self._soft_at = now + _SOON
            return False
        self._soft_at = math.inf
        if hard:
            self._hard_at = math.inf
        if self._fate.setdefault(None, Fate.STRIKING) is not Fate.STRIKING:
            return False
        # the thread cannot get past `enter`, `leave` and `settle` now: it is alive, and still at this task
        if self.in_body:
            self._struck = True
            _raise_in(self.thread, TaskAbandoned if hard else SoftTimeLimitExceeded)
        if hard:
            self._fate[None] = Fate.ABANDONED
        else:
            del self._fate[None]
            self._tell_of(self._soft, soft=True)
        return hard

    def tell_hard(self) -> None:
        """Tell Celery that the hard limit has passed: it stores the failure and settles the message."""
        self._tell_of(self._hard, soft=False)

    def _tell_of(self, limit: float | None, *, soft: bool) -> None:
        if self._tell and limit:
            self._tell(soft, limit)


class _Here(threading.local):
    attempt: Attempt | None = None


here = _Here()
"""Knows what the thread that asks runs, if that has limits."""


def _raise_in(target: threading.Thread, kind: type[BaseException] | None) -> None:
    """Raise an exception in a thread when it next runs Python; None: take back one that has not come yet."""
    exception = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(target.ident or 0), exception)


def mark_body(task: Any) -> None:
    """Let limits find the task's own code: its `run`, also inside retries, but not what Celery does around it."""
    body = task.run
    if getattr(body, "marks_body", False):
        return

    @wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        attempt = here.attempt
        if attempt is None or attempt.in_body:  # no limits, or a task that another one calls
            return body(*args, **kwargs)
        try:
            try:
                attempt.enter()
                return body(*args, **kwargs)
            finally:
                attempt.leave()
        except SoftTimeLimitExceeded:
            attempt.leave()  # it may have come in the middle of leaving
            raise

    run.marks_body = True  # type: ignore[attr-defined]
    task.run = run


class Clock:
    """The one thread that watches the limits of all that runs; started when there is something to watch."""

    def __init__(self, abandon: Callable[[Attempt], None]) -> None:
        self._abandon = abandon
        self._attempts: set[Attempt] = set()
        self._changed = threading.Condition()
        self._next = math.inf
        self._thread: threading.Thread | None = None
        self._stopped = False

    def watch(self, attempt: Attempt) -> None:
        """Hold an attempt to its limits until it is forgotten or abandoned."""
        with self._changed:
            self._attempts.add(attempt)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="limits", daemon=True)
                self._thread.start()
            elif attempt.due < self._next:
                self._changed.notify()

    def forget(self, attempt: Attempt) -> None:
        """Let go of an attempt that is over."""
        with self._changed:
            self._attempts.discard(attempt)

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while not self._stopped:
            with self._changed:
                self._next = min((one.due for one in self._attempts), default=math.inf)
                self._changed.wait(max(0.0, min(_LONGEST_WAIT, self._next - time.monotonic())))
                now = time.monotonic()
                due = [one for one in self._attempts if one.due <= now]
            for attempt in due:
                try:
                    if attempt.strike(now):
                        self.forget(attempt)
                        self._abandon(attempt)
                except Exception:
                    logger.exception("a time limit could not be kept")
