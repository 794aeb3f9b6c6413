"""When and where a task ran, kept with its result: what `allot trace` and `allot run` show.

Celery's own result metadata holds neither the worker nor the times unless `result_extended` stores the arguments too.
The mark is a key of its own beside Celery's, which Celery's clients pass over.
"""

import os
import time
from dataclasses import dataclass
from typing import Any

from celery import Celery

from allotment.engine.delays import lane_key
from allotment.engine.results import try_again_when_refused

KEY = "allotment"


@dataclass(frozen=True, slots=True)
class Mark:
    """One run of a task; times in seconds of the epoch. `sent` is the producer's clock, the others the worker's."""

    task: str
    queue: str | None
    lane: str | None
    worker: str
    pid: int
    sent: float | None
    started: float | None
    ended: float

    @property
    def waited(self) -> float | None:
        """Seconds from the publish to the start, not less than nothing where clocks differ."""
        return max(0.0, self.started - self.sent) if self.started and self.sent else None

    @property
    def ran(self) -> float | None:
        """Seconds from the start to the stored result."""
        return self.ended - self.started if self.started else None


def note_start(task: Any = None, **_: Any) -> None:
    """Remember when a task began; a receiver of `task_prerun`."""
    task.request.allotment_started = time.time()


def mark_results(app: Celery) -> None:
    """Make the app's result backends store a mark with each final result.

    The backend's `_get_result_meta` makes what is stored (`celery/backends/base.py`); it is wrapped on the instance, as
    the class depends on the address.
    """
    make_backend = type(app)._get_backend.__get__(app)  # noqa: SLF001 - Celery has no public hook for it

    def marking_backend() -> Any:
        app.allotment.before_connecting()
        backend = make_backend()
        try_again_when_refused(backend)
        plain_meta = backend._get_result_meta  # noqa: SLF001 - as above

        def meta(result: Any, state: str, traceback: Any, request: Any, **options: Any) -> dict[str, Any]:
            made: dict[str, Any] = plain_meta(result, state, traceback, request, **options)
            if state in backend.READY_STATES and getattr(request, "hostname", None):
                made[KEY] = _mark(request)
            return made

        backend._get_result_meta = meta  # noqa: SLF001 - as above
        return backend

    app._get_backend = marking_backend  # noqa: SLF001 - as above


def _mark(request: Any) -> dict[str, Any]:
    header = getattr(request, KEY, None)
    header = header if isinstance(header, dict) else {}
    delivery = getattr(request, "delivery_info", None) or {}
    return {
        "task": getattr(request, "task", None),
        "queue": header.get("queue"),
        "lane": lane_key(str(delivery.get("routing_key") or "")) or None,
        "worker": request.hostname,
        "pid": os.getpid(),
        "sent": header.get("sent"),
        "started": getattr(request, "allotment_started", None),
        "ended": time.time(),
    }


def read_mark(meta: dict[str, Any]) -> Mark | None:
    """Give the mark of a result's metadata; None where it has none."""
    values = meta.get(KEY)
    return Mark(**values) if values else None
