"""Whether a worker gets nothing while messages wait for it: a consumer that is one in name only.

It happens where a connection is broken in a way that neither side notices, or where a client connects again and forgets
to consume (celery/celery issues 8030 and 9054, on Redis). Another connection sees the messages wait.

A worker is judged only while it is idle: nothing has come since the last look, and it holds nothing that it has not
settled, whether that runs, waits for the pool, for its time, for a rate limit, or to be passed on. Then nothing keeps a
broker from giving it what waits: what others take meanwhile does not stay. A queue with a single active consumer is not
looked at, as its messages may be another worker's, and neither is one that the worker was told not to consume
(`cancel_consumer`).
"""

from collections.abc import Callable, Iterable
from typing import Any

from celery.worker import state

from allotment.engine.guard.refused import holds_refused

STARVED = 15.0
"""Seconds for which messages have to wait in a lane, at every look, for its idle worker to count as starved."""
CALM = 9.0
"""Seconds between looks as long as nothing waits: each costs the broker a question for each lane."""

_SINGLE = "x-single-active-consumer"


class Starvation:
    """Judges one worker. `waiting` gives how many messages wait in a lane, None where that cannot be told."""

    def __init__(self, consumer: Any, waiting: Callable[[str], int | None]) -> None:
        self._consumer = consumer
        self._waiting = waiting
        self._received = 0
        self._seen = 0
        self._since: dict[str, float] = {}
        self._looked: float | None = None
        self._count_messages()

    def _count_messages(self) -> None:
        """Count what the consumer receives, whatever becomes of it: a message may be forwarded, or set aside."""
        make = self._consumer.create_task_handler

        def create_task_handler(*arguments: Any, **options: Any) -> Callable[[Any], Any]:
            handle = make(*arguments, **options)

            def on_task_received(message: Any) -> Any:
                self._received += 1
                return handle(message)

            return on_task_received

        self._consumer.create_task_handler = create_task_handler

    def look(self, now: float) -> str | None:
        """Give a lane whose messages the worker has not got for too long; None: there is none."""
        if not self._is_idle():
            self.forget()
            return None
        if not self._since and self._looked is not None and now - self._looked < CALM:
            return None
        self._looked = now
        waiting = {lane for lane in self._lanes() if self._waiting(lane)}
        self._since = {lane: self._since.get(lane, now) for lane in waiting}
        if not self._is_idle():  # something came while the broker was asked
            self.forget()
        return next((lane for lane, since in self._since.items() if now - since >= STARVED), None)

    def forget(self) -> None:
        """Begin anew: the worker has taken something, or it cannot be told."""
        self._since = {}

    def _is_idle(self) -> bool:
        received, self._seen = self._received != self._seen, self._received
        return not received and not _holds_something(self._consumer)

    def _lanes(self) -> Iterable[str]:
        tasks = self._consumer.task_consumer
        queues = list(tasks.queues) if tasks is not None else ()
        return [queue.name for queue in queues if not (queue.queue_arguments or {}).get(_SINGLE)]


def _holds_something(consumer: Any) -> bool:
    """Say whether a worker has taken messages that it has not settled."""
    if state.active_requests or state.reserved_requests or state.scheduled_requests or holds_refused(consumer):
        return True
    return any(bucket is not None and bucket.contents for bucket in list(consumer.task_buckets.values()))
