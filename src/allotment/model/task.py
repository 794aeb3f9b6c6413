"""Tasks: what the file says of them, and which ones there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from allotment.model.idempotency import Idempotency
from allotment.model.requirements import NO_REQUIREMENTS, Requirements

BUILT_IN_PREFIX = "celery."
"""Every Celery worker registers the tasks of Celery itself (`celery/app/builtins.py`)."""


class Delivery(StrEnum):
    """What happens to a task whose worker dies: run again, or not."""

    AT_LEAST_ONCE = "at-least-once"
    AT_MOST_ONCE = "at-most-once"


class ZoneRule(StrEnum):
    """Where a task may run, seen from where it was sent."""

    SAME = "same"


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """What one key under `tasks:` says of the tasks it names; None: it says nothing of that.

    `key` is a task's name or a pattern. Limits are in seconds.
    """

    key: str
    queue: str | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    delivery: Delivery | None = None
    zone: ZoneRule | None = None
    idempotent: Idempotency | None = None
    requires: Requirements = NO_REQUIREMENTS


@dataclass(frozen=True, slots=True)
class BeatEntry:
    """An entry of the app's beat schedule: its name, the task it sends, and what its options say of where."""

    name: str
    task: str
    queue: str | None = None
    zone: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A task that exists: its name, the module to import for it, and the queue its own app routes it to.

    `attributes` are those that the app sets on the task itself and that `allot check` looks at. `parameters` are the
    names by which it takes arguments; None: not known, or any name.
    """

    name: str
    module: str | None = None
    app_queue: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parameters: tuple[str, ...] | None = None
