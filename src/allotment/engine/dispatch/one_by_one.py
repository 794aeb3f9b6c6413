"""Sending by Celery's own `apply_async`, where messages have to be made one by one."""

from collections.abc import Callable, Sequence
from typing import Any

from kombu.exceptions import EncodeError

from allotment.engine.dispatch.writing import Outgoing, Sending, Stopped
from allotment.engine.publishing.attempt import Deadline
from allotment.errors import AllotmentError, BrokerBlocked, BrokerUnreachable, PublishUnconfirmed

_OF_ALL = (BrokerUnreachable, BrokerBlocked)
"""What the next task would meet too."""

_OF_ONE = (AllotmentError, EncodeError, TypeError, ValueError)
"""What is wrong with a task or its arguments."""


class CallWriter:
    """Calls a task, a signature or a contract for each item."""

    def __init__(self, sending: Sending, call: Callable[[Outgoing], Any]) -> None:
        self._sending = sending
        self._call = call

    def write(self, tasks: Sequence[Outgoing]) -> None:
        """Send some. Raises Stopped."""
        for position, task in enumerate(tasks):
            try:
                self._call(task)
            except PublishUnconfirmed as error:
                self._fail(task, error)
                raise Stopped(error, tasks[position + 1 :]) from error
            except _OF_ALL as error:
                raise Stopped(error, tasks[position:]) from error
            except _OF_ONE as error:
                self._fail(task, error)

    def _fail(self, task: Outgoing, error: Exception) -> None:
        deadline = Deadline.after(self._sending.timeout)
        self._sending.bulk.fail(self._sending.attempt(task, deadline), error.with_traceback(None))
