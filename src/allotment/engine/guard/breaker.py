"""Whether the broker takes what a worker passes on.

Each try may hold up the worker's main loop for seconds. After one that failed, as the broker takes nothing from anybody
or is not there, the next one waits, and whatever else is to be passed on waits with it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.exceptions import OperationalError

from allotment.engine.publishing.sending import PASSING_ON
from allotment.engine.republish import patience
from allotment.errors import AllotmentError, BrokerBlocked, BrokerUnreachable, PublishUnconfirmed

SHORTEST, LONGEST = 2.0, 60.0
"""Seconds between a try that failed and the next one: twice as many each time."""

WHILE_BLOCKED = 2.0
"""Seconds of a try at a broker that has said that it takes nothing. Nothing is sent to it before it says otherwise; to
one that was silent everything was, and a short time would only make more copies."""

_OF_THE_BROKER = (BrokerBlocked, BrokerUnreachable, PublishUnconfirmed)
_OF_THE_BROKER_WITHOUT_A_FLEET = (OperationalError, OSError)

_NAME = "allotment_breaker"


class Breaker:
    """A circuit breaker: open, it lets nobody try."""

    def __init__(self) -> None:
        self._pause = 0.0
        self._until = 0.0
        self._blocked = False

    @property
    def wait(self) -> float:
        """Seconds until the next try may be made; 0: now."""
        return max(0.0, self._until - time.monotonic()) if self._pause else 0.0

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Pass something on inside of this. Raises what is raised there, and judges by it."""
        try:
            with patience(WHILE_BLOCKED if self._blocked else PASSING_ON):
                yield
        except Exception as error:
            if is_of_the_broker(error):
                self._pause = min(max(SHORTEST, self._pause * 2), LONGEST)
                self._until = time.monotonic() + self._pause
                self._blocked = isinstance(error, BrokerBlocked)
            else:
                self._close()
            raise
        else:
            self._close()

    def _close(self) -> None:
        self._pause, self._blocked = 0.0, False


def is_of_the_broker(error: Exception) -> bool:
    """Say whether an error is one that any message would meet, and not of this one or the queue it goes to."""
    if isinstance(error, AllotmentError):
        return isinstance(error, _OF_THE_BROKER)
    return isinstance(error, _OF_THE_BROKER_WITHOUT_A_FLEET)


def breaker_of(consumer: Any) -> Breaker:
    """Give the breaker of a worker's consumer, which is Celery's own in an app that follows no fleet."""
    found: Breaker = consumer.__dict__.setdefault(_NAME, Breaker())
    return found
