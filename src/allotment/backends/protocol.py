"""What a backend must do."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from allotment.backends.request import Source, WorkerRequest
from allotment.backends.task import RegisteredTask
from allotment.backends.worker_plan import WorkerPlan


class TaskBackend(Protocol):
    """Tasks, and workers that run some of them.

    A class that does this is found by an entry point of the group `allotment.backends`, under the name that
    `--backend` takes.
    """

    name: ClassVar[str]

    @classmethod
    def load(cls, source: Source) -> "TaskBackend":
        """Give the backend of a source, without connecting to anything. Raises AllotmentError."""

    @property
    def tasks(self) -> Mapping[str, RegisteredTask]:
        """Every task by its full name, read-only."""

    def plan(self, request: WorkerRequest) -> WorkerPlan:
        """Say what a worker would be, without connecting to anything. Raises AllotmentError."""

    def run(self, plan: WorkerPlan) -> int:
        """Be that worker until told to stop; give the exit code. Raises AllotmentError before anything is taken."""


MEMBERS = ("load", "tasks", "plan", "run")
"""What a class must have to be a backend, by which one is known."""


def is_backend(thing: object) -> bool:
    """Say whether an object is a backend; a class is none. Its properties are not read."""
    return all(hasattr(type(thing), member) for member in MEMBERS)
