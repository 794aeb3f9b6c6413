"""Celery's thread pool, with what it lacks: time limits, and a size that changes while it runs.

Celery's own (`celery/concurrency/thread.py`, 5.7) passes over both time limits; it has no `grow` and no `shrink`, so
that a worker with autoscaling ends with an AttributeError when it should grow; it refuses to start with no thread; it
goes on with what a lost connection made the broker give to others; and it never tells of a task that raises SystemExit.

What holds here, and what does not:

- At the soft limit SoftTimeLimitExceeded is raised inside the task when its thread next runs Python. A call that blocks
  in C (a sleep, a read without a timeout) is not cut short; the exception comes after it. Like any exception from
  outside it may come anywhere: a lock taken with `acquire()` just then stays taken, one taken with `with` does not.
- At the hard limit the caller gets TimeLimitExceeded at once, and the message is acknowledged or goes back as Celery's
  settings say. A thread cannot be killed: it gets TaskAbandoned when it next runs Python, and whatever it still gives
  is dropped. Until it ends, another thread has its place, so that as many tasks run at once as before.
- The limits count from when a task is taken up, and are about its own code: not about storing its result.
- Nothing here is a child: `max_tasks_per_child` and `max_memory_per_child` mean nothing.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any, NamedTuple

from billiard.einfo import ExceptionInfo
from celery.concurrency import thread
from celery.concurrency.base import BasePool
from celery.concurrency.prefork import _run_ready_callbacks
from celery.exceptions import WorkerLostError
from celery.utils.log import get_logger
from kombu.asynchronous import get_event_loop

from allotment.engine.limits import Attempt, Clock, TaskAbandoned, here, mark_body

_LOOK = 0.05
"""Seconds between looks at what still runs when the pool stops."""

logger = get_logger(__name__)


class Job(NamedTuple):
    """A call that Celery hands to the pool, with whom to tell of what; limits in seconds, None or 0: none."""

    target: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})
    callback: Callable[[Any], Any] | None = None
    accept_callback: Callable[[int, float], Any] | None = None
    error_callback: Callable[[ExceptionInfo], Any] | None = None
    timeout_callback: Callable[[bool, float], Any] | None = None
    soft: float | None = None
    hard: float | None = None


class TaskPool(thread.TaskPool):
    """Runs tasks in `limit` threads, made when they are needed."""

    def __init__(self, limit: int, **options: Any) -> None:
        BasePool.__init__(self, limit, **options)  # not Celery's executor
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._changing = threading.RLock()  # Celery stops the pool in a signal handler too
        self._open = True
        self._load = 0
        """How many jobs wait or run."""
        self._serving = 0
        """How many threads run jobs or wait for one."""
        self._stuck: set[threading.Thread] = set()
        self._clock = Clock(self._abandon)

    def on_start(self) -> None:
        """Let limits find the own code of the app's tasks."""
        for task in list(self.app.tasks.values()) if self.app else ():
            mark_body(task)

    def on_apply(self, target: Callable[..., Any], args: Any = None, kwargs: Any = None, **options: Any) -> None:
        """Take a job; one that comes after the pool was closed is left with the broker, as it is not acknowledged."""
        job = Job(
            target,
            args or (),
            kwargs or {},
            options.get("callback"),
            options.get("accept_callback"),
            options.get("error_callback"),
            options.get("timeout_callback"),
            options.get("soft_timeout") or self.options.get("soft_timeout"),
            options.get("timeout") or self.options.get("timeout"),
        )
        with self._changing:
            if self._open:
                self._load += 1
                self._jobs.put(job)
                self._start_threads()

    def grow(self, n: int = 1) -> None:
        """Run so many more jobs at once."""
        with self._changing:
            self.limit += n
            self._start_threads()

    def shrink(self, n: int = 1) -> None:
        """Run so many fewer jobs at once; what runs is finished first, and what waits stays. Raises ValueError."""
        with self._changing:
            if n > self.limit:
                raise ValueError(f"the pool has only {self.limit} threads")
            self.limit -= n
            self._wake_surplus()

    def flush(self) -> None:
        """Forget the jobs that wait: when the connection is lost or closed, the broker gives them out again."""
        with self._changing:
            with suppress(Empty):
                while True:
                    self._load -= self._jobs.get_nowait() is not None
            self._wake_surplus()

    def on_close(self) -> None:
        """Take nothing more."""
        with self._changing:
            self._open = False

    def on_stop(self) -> None:
        """Finish what runs, meanwhile keeping the connection alive and acknowledging, as Celery's prefork pool does."""
        self.on_close()
        self.flush()
        loop = get_event_loop()
        while self._load:
            time.sleep(_LOOK)
            if loop is not None:
                loop.fire_timers()
                _run_ready_callbacks(loop)
        self._clock.stop()

    def on_terminate(self) -> None:
        """Leave what runs to the end of the process."""
        self.on_close()
        self.flush()
        self._clock.stop()

    def _get_info(self) -> dict[str, Any]:
        with self._changing:
            self._stuck = {one for one in self._stuck if one.is_alive()}
            return {
                **BasePool._get_info(self),  # noqa: SLF001 - Celery's own way to add to it
                "threads": self._serving,
                "stuck-threads": len(self._stuck),
                "timeouts": (self.options.get("soft_timeout") or 0, self.options.get("timeout") or 0),
            }

    @property
    def _wanted(self) -> int:
        """How many threads there should be at most."""
        return self.limit if self._open else 0

    def _start_threads(self) -> None:
        """Make the threads that are wanted and have something to do."""
        while self._serving < min(self._load, self._wanted):
            try:
                self._start_thread()
            except RuntimeError:
                logger.exception("no thread can be had; %d serve", self._serving)
                return

    def _start_thread(self, first: Job | None = None) -> None:
        threading.Thread(target=self._serve, args=(first,), name="task", daemon=True).start()
        self._serving += 1

    def _wake_surplus(self) -> None:
        """Let threads that wait, and are more than wanted, see that."""
        for _ in range(self._serving - self._wanted):
            self._jobs.put(None)

    def _serve(self, job: Job | None) -> None:
        """Run jobs, this one first, until the thread is one too many or has been given up."""
        with suppress(TaskAbandoned):
            while True:
                if job is not None:
                    self._run(job)
                if not self._stays(done=job is not None):
                    return
                job = None  # keep nothing alive while there is nothing to do
                job = self._jobs.get()

    def _stays(self, *, done: bool) -> bool:
        with self._changing:
            self._load -= done
            if self._serving <= self._wanted:
                return True
            self._serving -= 1
            return False

    def _run(self, job: Job) -> None:
        """Run a job and tell of its outcome. Raises TaskAbandoned, and nothing else."""
        tell, outcome = self._outcome(job)
        try:
            if tell is not None:
                tell(outcome)
        except BaseException:
            logger.exception("what came of a task could not be told")

    def _outcome(self, job: Job) -> tuple[Callable[[Any], Any] | None, Any]:
        """Give whom to tell of a job, and what came of it."""
        try:
            if job.accept_callback is not None:
                job.accept_callback(os.getpid(), time.monotonic())
            if job.soft or job.hard:
                return job.callback, self._run_limited(job)
            return job.callback, job.target(*job.args, **job.kwargs)
        except TaskAbandoned:
            raise
        except Exception as error:
            if job.error_callback is None:
                logger.exception("the pool could not do what it was to do")
            return job.error_callback, ExceptionInfo((type(error), error, error.__traceback__))
        except BaseException as error:  # noqa: BLE001 - a SystemExit of a task ends the task and not the thread
            lost = WorkerLostError(repr(error))
            return job.error_callback, ExceptionInfo((WorkerLostError, lost, error.__traceback__))

    def _run_limited(self, job: Job) -> Any:
        attempt = here.attempt = Attempt(job.soft, job.hard, job.timeout_callback)
        self._clock.watch(attempt)
        try:
            return job.target(*job.args, **job.kwargs)
        finally:
            here.attempt = None
            if not attempt.settle():
                raise TaskAbandoned
            self._clock.forget(attempt)

    def _abandon(self, attempt: Attempt) -> None:
        """Give another thread the place of one that will not end, and let it tell Celery first."""
        tell = Job(attempt.tell_hard)
        with self._changing:
            self._stuck.add(attempt.thread)
            self._serving -= 1
            try:
                self._start_thread(tell)
            except RuntimeError:
                self._run(tell)
                self._load -= 1
