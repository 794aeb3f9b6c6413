"""The pool of producers of a fleet's app, out of which nobody waits for one for ever."""

from types import TracebackType
from typing import Any

import kombu
from celery import Celery
from kombu import pools
from kombu.exceptions import LimitExceeded

from allotment import errors
from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import current, within
from allotment.model.quantities import show_duration


class Producer(kombu.Producer):
    """Kombu's, which keeps its connection when a message was not taken and nothing else is wrong.

    Kombu's own closes it after any error (`kombu/messaging.py`, `__exit__`): each message to a full queue would cost a
    connection, and a broker that takes nothing does not answer a goodbye either.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, errors.PublishFailed):
            self.release()
        else:
            super().__exit__(kind, error, traceback)


class ProducerPool(pools.ProducerPool):
    """Kombu's, with a time within which a producer and its connection have to become free.

    `seconds` is that time where no message is being published: Celery takes a producer for a whole group.
    """

    Producer = Producer

    def __init__(self, app: Celery, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(app.pool, limit=app.pool.limit)

    def acquire(self, block: bool = False, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - kombu's
        """Take a producer. Raises BrokerUnreachable, or BrokerBlocked where blocked ones are all there are."""
        try:
            return super().acquire(block, self._time(timeout) if block else timeout)
        except LimitExceeded:
            if not block:
                raise
            raise self._taken() from None

    def _acquire_connection(self) -> Any:
        try:
            return self.connections.acquire(block=True, timeout=self._time(None))
        except LimitExceeded:
            raise self._taken() from None

    def _time(self, timeout: float | None) -> float | None:
        if current() is None:
            return self._seconds if timeout is None else timeout
        return within(timeout)

    def _taken(self) -> Exception:
        attempt = current()
        waited = show_duration(attempt.deadline.seconds if attempt else self._seconds)
        what = f", and {attempt.named} was not sent" if attempt else ""
        error = failures.BrokerUnreachable(
            f"no connection to the broker became free within {waited}: all {self.limit} are in use{what}",
            hint="raise broker_pool_limit, or send from fewer threads",
        )
        if attempt is not None:
            error.task, error.task_id = attempt.task, attempt.task_id
        return error
