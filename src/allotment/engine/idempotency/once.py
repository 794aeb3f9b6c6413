"""A task's code run once for a key: what is done around it."""

import time
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import Any

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_logger

from allotment.engine.idempotency import values
from allotment.engine.idempotency.holding import hold_what_is_not_taken
from allotment.engine.idempotency.keys import CallKey
from allotment.engine.idempotency.lease import UNANSWERED, Lease, Renewing
from allotment.engine.idempotency.server import store_of
from allotment.engine.idempotency.store import Done, Running, Store
from allotment.engine.idempotency.waiting import put_off
from allotment.engine.limits import mark_body
from allotment.model.idempotency import Idempotency

AGAIN, LONGEST = 0.5, 600.0
"""Seconds between attempts to write that a call is done, where the store does not answer, and in all."""

logger = get_logger(__name__)


class Keeper:
    """What the idempotent tasks of a worker share in a process: the store, and the thread that renews leases.

    Both come to be when they are first needed, in the process that runs tasks.
    """

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.renewing = Renewing()

    @cached_property
    def store(self) -> Store:
        """The app's store."""
        return store_of(self.app)


def run_once(task: Any, said: Idempotency, keeper: Keeper) -> None:
    """Have a task's code run once for each of its keys, in every pool; what Celery does around it stays as it is.

    A call that was done before gives what it came to then, and one that is running elsewhere is put off. Calls that no
    message made are run as they are: a task that is called as a function, or eagerly.
    """
    calls = CallKey(task, said)
    hold_what_is_not_taken(task)
    mark_body(task)  # limits are about the code of the task alone
    body = task.run

    @wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        request = task.request
        if request.called_directly or request.is_eager:
            return body(*args, **kwargs)
        key = calls.of(request.id, args, kwargs)
        if key is None:
            return body(*args, **kwargs)  # which raises what is wrong with the arguments
        return _Call(task, said, keeper, key).run(body, args, kwargs)

    task.run = run


class _Call:
    """One attempt to run a task's code."""

    def __init__(self, task: Any, said: Idempotency, keeper: Keeper, key: str) -> None:
        self._task = task
        self._said = said
        self._keeper = keeper
        self._key = key

    def run(self, body: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Give what the code returns, or what it returned for this key before."""
        what = f"{self._task.name}[{self._task.request.id}]"
        try:
            lease = Lease(self._keeper.store, self._key, self._said.lease, what)
            found = lease.take()
        except UNANSWERED as error:
            logger.warning("%s: the store of keys does not answer: %s", what, error)
            put_off(self._task, "whether it ran before is not known, as the store of keys does not answer")
        match found:
            case Done(value):
                logger.info("%s: it was done before, and is not run again", what)
                return values.read(self._keeper.app, value)
            case Running():
                put_off(self._task, "the same call runs elsewhere")
        with self._keeper.renewing.holding(lease):
            return self._held(lease, body, args, kwargs)

    def _held(self, lease: Lease, body: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        try:
            value = body(*args, **kwargs)
            written = values.written(self._keeper.app, value)
        except BaseException:  # a retry and an end of the process too
            lease.give_up()
            raise
        return self._finished(lease, value, written)

    def _finished(self, lease: Lease, value: Any, written: bytes) -> Any:
        """Write that the call is done, and give its value: that of another attempt where that one was done first."""
        found = self._told(lease, written)
        match found:
            case Done(first):
                logger.error(
                    "%s: its lease ran out while it ran; it ran twice, and the other's result counts", lease.what
                )
                return values.read(self._keeper.app, first)
            case Running():
                logger.error(
                    "%s: its lease ran out while it ran; it runs twice, and what it gave is not kept", lease.what
                )
        return value

    def _told(self, lease: Lease, written: bytes) -> Done | Running | None:
        """Tell the store, waiting for it if need be: nobody can begin again while it does not answer.

        A soft time limit, which prefork raises here too, and once, does not end that: what it is to end is done. The
        hard one cannot be kept off.
        """
        until = time.monotonic() + LONGEST
        while True:
            try:
                return self._told_until(until, lease, written)
            except SoftTimeLimitExceeded:
                logger.info("%s: its soft time limit passed when it was done", lease.what)

    def _told_until(self, until: float, lease: Lease, written: bytes) -> Done | Running | None:
        waits = False
        while True:
            try:
                return lease.finish(written, self._said.keep)
            except UNANSWERED as error:
                if not waits:
                    waits = True
                    logger.warning("%s: it is done, and waits for the store of keys to know: %s", lease.what, error)
                elif time.monotonic() > until:
                    logger.error(  # noqa: TRY400 - the traceback of a connection says nothing more
                        "%s: it is done, and the store of keys does not know: a repeat would run it again", lease.what
                    )
                    return None
            time.sleep(AGAIN)
