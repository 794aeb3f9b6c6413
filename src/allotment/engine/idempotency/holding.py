"""A message that the broker did not take for later, held by its worker as Celery holds one whose time is to come.

Given back to its queue it would come again at once, and each time count as a delivery, until it is set aside as one
that ends its process. Held, it is not acknowledged, has no place in the pool and no time limit, and does not keep the
worker from stopping: the broker has it back when the connection is closed or lost.
"""

from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery.utils.imports import symbol_by_name
from celery.worker.request import Request
from celery.worker.state import task_ready, task_scheduled

from allotment.engine.idempotency.waiting import NotTaken, pause

_PRIORITY = 6
"""That of Celery's own timers for what has an ETA (`celery/worker/strategy.py`)."""


def hold_what_is_not_taken(task: Any) -> None:
    """Have the workers of a task hold its messages that could not be put off, in every pool.

    By the two classes of Celery's that a task names: `Request` is a message in its worker, and `Strategy` makes one of
    what arrives. Those that it named before do what they did.
    """
    request, begin = symbol_by_name(task.Request), symbol_by_name(task.Strategy)
    held: Any = type("HeldRequest", (_HeldRequest, request), {})

    def strategy(task: Any, app: Any, consumer: Any, **options: Any) -> Any:
        held.consumer = consumer
        return begin(task, app, consumer, **options)

    task.Request, task.Strategy = held, strategy


class _HeldRequest(Request):
    """A message in its worker, which is run again after a while where it was not taken for later."""

    consumer: Any = None
    """Celery's, the same from the start of the worker to its end."""

    times = 0
    """How often it was held."""

    def on_failure(self, exc_info: Any, *arguments: Any, **options: Any) -> Any:
        """Hear that the pool is done with it, otherwise than by a result."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if not isinstance(error, NotTaken):
            return super().on_failure(exc_info, *arguments, **options)
        task_ready(self)
        return self.consumer.call_soon(self._hold)  # in the worker's own loop: a pool may tell it from a thread

    def _hold(self) -> None:
        """Wait as for an ETA, unless the connection was lost meanwhile: the broker has the message back then."""
        consumer = self.consumer
        tasks = consumer.task_consumer
        if tasks is None or self.message.channel is not tasks.channel:
            return
        seconds = pause(self.times)
        self.times += 1
        consumer.qos.increment_eventually()
        self._eta_timer_entry = consumer.timer.call_after(seconds, consumer.apply_eta_task, (self,), priority=_PRIORITY)
        task_scheduled(self)
