"""Keeping a key while the code runs that took it: renewed by one thread of the process, for all that run there."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from celery.utils.log import get_logger
from redis import RedisError

from allotment.engine.idempotency.store import Done, Running, Store

SHARE = 3
"""A lease is renewed so often in its time."""

UNANSWERED = (RedisError, OSError)
"""What a store raises that does not answer, or does not do what it is asked."""

logger = get_logger(__name__)


class Lease:
    """A key that an attempt to run a call holds, or tries to; `seconds` as long as nobody renews it.

    `what` names the call in logs. `due` is when it is to be renewed, by this process's monotonic clock.
    """

    def __init__(self, store: Store, key: str, seconds: float, what: str) -> None:
        self.what = what
        self.due = time.monotonic() + seconds / SHARE
        self._store = store
        self._key = key
        self._seconds = seconds
        self._token = uuid4().hex
        self._asking = threading.Lock()
        self._over = False
        self._troubled = False

    def take(self) -> Running | Done | None:
        """Take the key; None: it is ours. Raises one of UNANSWERED."""
        return self._store.begin(self._key, self._token, self._seconds)

    def finish(self, value: bytes, keep: float) -> Running | Done | None:
        """Write what the call came to, for so many seconds, as `Store.finish` does. Raises one of UNANSWERED."""
        with self._asking:
            found = self._store.finish(self._key, self._token, value, keep)
            self._over = True
        return found

    def give_up(self) -> None:
        """Let others take the key; where the store does not answer it ends by itself."""
        with self._asking, suppress(*UNANSWERED):
            self._over = True
            self._store.give_up(self._key, self._token)

    def renew(self) -> None:
        """Keep the key for its time again unless it is over, and say in the log what prevents that."""
        with self._asking:
            if not self._over:
                self._renew()

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            self._over = not self._store.renew(self._key, self._token, self._seconds)
        except UNANSWERED as error:
            self.due = time.monotonic() + self._seconds / SHARE**2
            if not self._troubled:
                logger.warning("%s: its lease cannot be renewed, as the store does not answer: %s", self.what, error)
            self._troubled = True
            return
        self._troubled = False
        self.due = math.inf if self._over else began + self._seconds / SHARE
        if self._over:
            logger.warning("%s: its lease ran out while it runs, and another worker runs it too", self.what)


class Renewing:
    """The thread that renews the leases of a process; started when there is one."""

    def __init__(self) -> None:
        self._leases: set[Lease] = set()
        self._changed = threading.Condition()
        self._next = math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        """Renew a lease from now until the end of the block."""
        self._add(lease)
        try:
            yield
        finally:
            with self._changed:
                self._leases.discard(lease)

    def _add(self, lease: Lease) -> None:
        with self._changed:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            elif lease.due < self._next:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._next = min((lease.due for lease in self._leases), default=math.inf)
                wait = self._next - time.monotonic()
                self._changed.wait(None if wait == math.inf else max(0.0, wait))
                now = time.monotonic()
                due = [lease for lease in self._leases if lease.due <= now]
            for lease in due:
                try:
                    lease.renew()
                except Exception:
                    logger.exception("%s: its lease could not be renewed", lease.what)
                    lease.due = math.inf
