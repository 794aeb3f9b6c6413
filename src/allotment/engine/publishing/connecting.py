"""Connecting with an end.

The system's resolver takes as long as it likes, a name may have many addresses, each of which is tried, and redis-py
greets an encrypted server without a limit. None of that can be interrupted.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

from allotment.engine.publishing.attempt import current

REFUSAL = 0.2
"""Seconds that a last try has at least: a server that is not there says so at once, and then the error can tell."""

Connected = TypeVar("Connected")


def by_the_deadline(connect: Callable[[], Connected], drop: Callable[[Connected], object]) -> Connected:
    """Connect for the message that is being published; at its deadline, go on without what is still connecting.

    What connects later after all is dropped. Raises TimeoutError at the deadline, and what `connect` raises.
    """
    attempt = current()
    if attempt is None:
        return connect()
    found: Future[Connected] = Future()
    context = copy_context()

    def run() -> None:
        try:
            connected = context.run(connect)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            with suppress(InvalidStateError):
                found.set_exception(error)
            return
        try:
            found.set_result(connected)
        except InvalidStateError:
            drop(connected)

    threading.Thread(target=run, name="allotment-connect", daemon=True).start()
    try:
        return found.result(max(attempt.deadline.left(), REFUSAL))
    finally:
        found.cancel()
