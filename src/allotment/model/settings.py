"""Celery's settings, as an app or a fleet file gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN = frozenset(
    {
        "accept_content",
        "broker_transport_options",
        "broker_use_ssl",
        "result_accept_content",
        "result_backend",
        "result_serializer",
        "task_acks_late",
        "task_default_queue_type",
        "task_reject_on_worker_lost",
        "task_retry_on_worker_lost",
        "task_serializer",
        "task_soft_time_limit",
        "task_time_limit",
        "worker_concurrency",
        "worker_max_memory_per_child",
        "worker_max_tasks_per_child",
        "worker_prefetch_multiplier",
    }
)
"""The settings that are looked at; no other value leaves the process that imported the app, as it may be a secret.

Of addresses and options only what is no secret does: the scheme, whether there is encryption, figures.
"""


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What the app itself sets: values by Celery's names, and the names that Celery does not have."""

    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
