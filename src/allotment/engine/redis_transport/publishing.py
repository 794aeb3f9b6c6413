"""Putting messages into queues, no more than their limits allow."""

from collections.abc import Mapping
from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.utils.json import dumps

from allotment.engine.redis_transport.limits import DROPPED_KEY, Limit, Limits, queue_full
from allotment.engine.redis_transport.scripts import PUT
from allotment.model.names import DEAD_QUEUE


class Publishing(kombu_redis.Channel):
    """The part of the channel that publishes."""

    def limit_of(self, queue: str) -> Limit | None:
        """Give how many messages may wait in a queue; None: any number."""
        limits: Limits = self.connection.limits
        return limits.of(queue)

    def lists_of(self, queue: str) -> list[str]:
        """Give the names of a queue's lists, the most urgent first."""
        return [self._q_for_pri(queue, step) for step in self.priority_steps]

    def list_of(self, queue: str, message: Mapping[str, Any]) -> str:
        """Give the name of the list of a queue that a message goes to by its priority."""
        return str(self._q_for_pri(queue, self._get_message_priority(message, reverse=False)))

    def _get_message_priority(self, message: Any, reverse: bool = False) -> int:  # noqa: FBT001, FBT002 - kombu's signature
        """Give a message's priority; kombu trips over an infinite one, which JSON can say (`1e999`)."""
        try:
            return int(super()._get_message_priority(message, reverse=reverse))
        except OverflowError:
            return int(super()._get_message_priority({}, reverse=reverse))

    def _new_queue(self, queue: str, auto_delete: bool = False, **options: Any) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        super()._new_queue(queue, auto_delete=auto_delete, **options)
        self.connection.limits.declare(queue, options.get("arguments"))

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        """Push a message. Raises QueueFull where the queue holds as many as it may and drops none.

        A queue with a limit takes it at once also while others are collected into a batch.
        """
        limit = self.limit_of(queue)
        if limit is None or _was_in(queue, message):
            super()._put(queue, message, **options)
            return
        keys = [self.list_of(queue, message), DROPPED_KEY, *self.lists_of(queue)]
        overflow = "drop" if limit.drops else "reject"
        waiting = PUT.run(
            self.server,
            [self.key(key) for key in keys],
            [dumps(message), limit.max_length, queue, overflow, self._expires.get(queue, 0)],
        )
        if waiting >= 0:
            raise queue_full(queue, limit, waiting)


def _was_in(queue: str, message: Mapping[str, Any]) -> bool:
    """Say whether the queue has taken this message before: what comes back, and a task that a worker tries again.

    Celery gives up a task whose next try cannot be published (`celery/app/task.py`, `retry`).
    """
    retries = (message.get("headers") or {}).get("retries")
    tried_again = queue != DEAD_QUEUE and isinstance(retries, int) and retries > 0
    return tried_again or bool(message.get("redelivered"))
