"""How many messages queues gave up because they were full and the file says `when_full: drop-oldest`."""

import importlib
import importlib.util
from collections.abc import Mapping

from celery import Celery

_COUNTER = "allotment.engine.publishing.dropped"


def dropped(app: Celery) -> Mapping[str, int]:
    """Give the counts by the queue's name; none where nothing counts them."""
    try:
        counter = importlib.import_module(_COUNTER)
    except ModuleNotFoundError:
        return {}
    counts: Mapping[str, int] = counter.dropped_counts(app)
    return counts
