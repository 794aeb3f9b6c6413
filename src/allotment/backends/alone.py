"""The fleet of an app that has no file: a profile for each task, so that each has a lane of its own.

A queue with one task keeps its plain name; a queue with several has a lane each, and its plain name is the intake. A
program that knows fewer tasks of a queue may send to the plain name, and a worker passes it on.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from allotment.errors import AppUnusable
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.names import queue_name
from allotment.model.profile import Profile
from allotment.model.task import KnownTask, TaskEntry
from allotment.source.document import Document
from allotment.source.fleet_file import FleetFile

STAND_IN = "tasks-alone"
"""Stands for the file's name where there is none: an embedded broker's state is kept under it."""

_NOT_IN_A_QUEUE = re.compile(r"[^A-Za-z0-9_.-]")
_KEPT = 100


def fleet_of_tasks(
    tasks: Iterable[KnownTask], *, app: str | None = None, broker: Address | None = None, results: Address | None = None
) -> FleetModel:
    """Make the fleet: each task goes where it was registered or routed to, else to a queue of its own name.

    Raises AppUnusable where the app routes a task to a queue that lanes cannot be named after.
    """
    queues = {task.name: queue_of(task) for task in tasks}
    return FleetModel(
        profiles={name: Profile(name, (queue,), tasks=(name,)) for name, queue in queues.items()},
        entries=tuple(TaskEntry(name, queue) for name, queue in queues.items()),
        app=app,
        broker=broker,
        results=results,
    )


def queue_of(task: KnownTask) -> str:
    """Give the queue of a task in such a fleet. Raises AppUnusable."""
    if task.app_queue is None:
        return _named_after(task.name)
    try:
        return queue_name(task.app_queue)
    except ValueError as error:
        raise AppUnusable(f"the task {task.name!r} goes to a queue of another kind: {error}", hint=_HINT) from None


_HINT = "give the queue another name where the task is registered, or in the app's task_routes"


def _named_after(task: str) -> str:
    try:
        return queue_name(task)
    except ValueError:
        digest = hashlib.sha256(task.encode()).hexdigest()[:12]
        return f"{_NOT_IN_A_QUEUE.sub('_', task)[:_KEPT]}-{digest}"


def stand_in(model: FleetModel, folder: Path) -> FleetFile:
    """Give what stands for a file of such a fleet, in this folder."""
    return FleetFile(folder.resolve() / STAND_IN, Document(STAND_IN, {STAND_IN: ""}, {}, {}, {}), model)
