"""A process that forks after it has sent, as web servers do that load the program before they make their workers.

Kombu and Celery forget their pools in a child of `multiprocessing` or billiard alone (`register_after_fork`); after a
plain `os.fork` parent and children would write to one connection, and read each other's confirms.
"""

import os
from weakref import WeakSet

from celery import Celery
from kombu import pools

_apps: WeakSet[Celery] = WeakSet()


def connect_anew_after_fork(app: Celery) -> None:
    """See that a child of this process sends over connections of its own."""
    _apps.add(app)


def _forget_pools() -> None:
    for group in (pools.connections, pools.producers):
        group.clear()
    for app in tuple(_apps):
        app._pool = None  # noqa: SLF001 - as Celery's own `_after_fork` does, which a plain fork does not call
        amqp = app.__dict__.get("amqp")
        if amqp is not None:
            amqp._producer_pool = None  # noqa: SLF001 - as above


os.register_at_fork(after_in_child=_forget_pools)
