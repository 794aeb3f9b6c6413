"""The workload without one of its safeguards, to show that the harness notices what that costs.

The product has no switch for this: what stands here reaches into the processes of the workload from outside.
"""

import os
import runpy
from collections.abc import Mapping
from typing import Any, Final

from celery import Celery
from celery.signals import worker_init

VARIABLE: Final = "ALLOTMENT_FAULTS_WITHOUT"
"""The environment variable that lists what is taken away, with commas between the names."""

SAFEGUARDS: Final[Mapping[str, str]] = {
    "confirms": "the broker's word on each message",
    "guard": "the consumer that forwards or sets aside what the worker cannot run",
    "late-acks": "the acknowledgement after the run in place of before it",
    "atomic-take": "the taking of a message on Redis that leaves it at the server until it is acknowledged",
    "dead-letter": "the keeping of what is set aside",
    "lock": "the lock that keeps a second supervisor off",
    "delivery-limit": "the limit on how often one message is delivered",
}
"""What can be taken away."""


def apply(app: Celery) -> None:
    """Take away what the environment lists from the processes of an app.

    Names that other places heed are passed over: the fleet file says `delivery-limit`, the supervisor has the lock.
    """
    for name in os.environ.get(VARIABLE, "").split(","):
        if name in _APPLIED:
            _APPLIED[name](app)


def _confirms(app: Celery) -> None:
    _transport(app, confirm_publish=False)


def _atomic_take(app: Celery) -> None:
    _transport(app, allotment=False)  # kombu's own transport


def _transport(app: Celery, **options: bool) -> None:
    app.conf.update(broker_transport_options={**(app.conf.broker_transport_options or {}), **options})


def _guard(_: Celery) -> None:
    from allotment.engine import installation  # noqa: PLC0415 - only where it is taken away

    installation.GUARD = "celery.worker.consumer:Consumer"


def _late_acks(_: Celery) -> None:
    def early(sender: Any, **_: Any) -> None:
        for task in sender.app.tasks.values():
            task.acks_late = task.reject_on_worker_lost = False

    worker_init.connect(early, weak=False, dispatch_uid="allotment-faults-late-acks")


def _dead_letter(_: Celery) -> None:
    from allotment.engine import quarantine  # noqa: PLC0415 - only where it is taken away

    quarantine.set_aside = lambda *_, **__: None


def _no_lock() -> None:
    from allotment.local import lock  # noqa: PLC0415 - only where it is taken away

    lock.FileLock.acquire = lambda self: None  # type: ignore[method-assign]  # noqa: ARG005 - stands for a method


_APPLIED = {
    "confirms": _confirms,
    "guard": _guard,
    "late-acks": _late_acks,
    "atomic-take": _atomic_take,
    "dead-letter": _dead_letter,
}


def main() -> None:
    """Be `allot`, without what the environment lists: for the supervisor, which does not import the app."""
    if "lock" in os.environ.get(VARIABLE, "").split(","):
        _no_lock()
    runpy.run_module("allotment", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
