"""The tasks of the three groupings. Each says which worker ran it."""

import time

from allotment import CeleryBackend

backend = CeleryBackend()


@backend.register_task(name="file_extract", bind=True)
def file_extract(self, number: int) -> str:
    """Wait a moment for a file."""
    time.sleep(0.002)
    return self.request.hostname


@backend.register_task(name="file_transform", bind=True)
def file_transform(self, number: int) -> str:
    """Compute a little."""
    sum(range(10_000 + number))
    return self.request.hostname


@backend.register_task(name="file_load", bind=True)
def file_load(self, number: int) -> str:
    """Wait a moment for a database."""
    time.sleep(0.002)
    return self.request.hostname


@backend.register_task(name="mail_send", queue="outbox", bind=True)
def mail_send(self, number: int) -> str:
    """Wait a moment for a mail server."""
    time.sleep(0.005)
    return self.request.hostname


@backend.register_task(name="mail_digest", queue="outbox", bind=True)
def mail_digest(self, number: int) -> str:
    """Wait a moment for a mail server."""
    time.sleep(0.005)
    return self.request.hostname
