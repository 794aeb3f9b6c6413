"""Worker profiles: one kind of worker each."""

from dataclasses import dataclass, field
from enum import StrEnum

from allotment.model import patterns
from allotment.model.requirements import NO_REQUIREMENTS, Requirements
from allotment.model.task import Delivery


class Pool(StrEnum):
    """How a worker runs tasks: Celery's pools; `io` is gevent where that is installed, else threads."""

    PREFORK = "prefork"
    THREADS = "threads"
    SOLO = "solo"
    GEVENT = "gevent"
    IO = "io"


@dataclass(frozen=True, slots=True)
class Resources:
    """What one worker of a profile takes of its node: cores and bytes; None: not said."""

    cpu: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Autoscale:
    """The least and most pool processes."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of worker: what it registers, which queues it consumes, its pool and its limits.

    `tasks` None: all of them. `concurrency` None: as many as the node has cores. `prefetch` is Celery's multiplier.
    Limits are in seconds, `max_memory_per_child` in bytes. `delivery` is of tasks whose entry says none. `preset` names
    the preset it began as.
    """

    name: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...] | None = None
    exclude_tasks: tuple[str, ...] = ()
    pool: Pool = Pool.PREFORK
    concurrency: int | None = None
    prefetch: int | None = None
    max_tasks_per_child: int | None = None
    max_memory_per_child: int | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    delivery: Delivery | None = None
    autoscale: Autoscale | None = None
    resources: Resources = field(default_factory=Resources)
    requires: Requirements = NO_REQUIREMENTS
    preset: str | None = None
    about: str | None = None

    def includes(self, task: str) -> bool:
        """Say whether `tasks` names this task, whatever `exclude_tasks` takes away."""
        return self.tasks is None or any(patterns.matches(key, task) for key in self.tasks)

    def selects(self, task: str) -> bool:
        """Say whether the profile's `tasks` and `exclude_tasks` leave this task in."""
        return self.includes(task) and not any(patterns.matches(key, task) for key in self.exclude_tasks)
