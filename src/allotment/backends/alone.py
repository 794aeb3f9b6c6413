"""The fleet of an app that has no file: a profile for each task, so that each has a lane of its own.

Programs and workers are released apart and each know the tasks of their own code, so where a task goes follows from
the task alone: to its own name where its queue is named so, else to `queue:task`, also where it is the only one there.
The plain name of such a queue is the intake, for programs that know no lanes.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from allotment.errors import AppUnusable
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.names import queue_name, task_name
from allotment.model.patterns import is_pattern
from allotment.model.profile import Profile
from allotment.model.task import KnownTask, TaskEntry
from allotment.source.document import Document
from allotment.source.fleet_file import FleetFile

STAND_IN = "tasks-alone"
"""Stands for the file's name where there is none: an embedded broker's state is kept under it."""

_SIGN = re.compile(r"[*?\[]")
_NOT_IN_A_QUEUE = re.compile(r"[^A-Za-z0-9_.-]")
_KEPT = 100


def fleet_of_tasks(
    tasks: Iterable[KnownTask], *, app: str | None = None, broker: Address | None = None, results: Address | None = None
) -> FleetModel:
    """Make the fleet: each task goes where it was registered or routed to, else to a queue of its own name.

    Raises AppUnusable where the app routes a task to a queue that lanes cannot be named after.
    """
    queues = {task.name: queue_of(task) for task in tasks}
    owners = {queue: name for name, queue in queues.items() if queue == _named_after(name)}
    profiles = [_profile(name, queue, owners.get(queue, name)) for name, queue in queues.items()]
    # one that runs nothing: without it the lane of a queue's only task would have the plain name
    profiles += [
        Profile(f"{queue} intake", (queue,), tasks=())
        for queue in dict.fromkeys(queues.values())
        if queue not in owners
    ]
    return FleetModel(
        profiles={profile.name: profile for profile in profiles},
        entries=tuple(TaskEntry(_alone(name), queue) for name, queue in queues.items()),
        app=app,
        broker=broker,
        results=results,
    )


def _profile(task: str, queue: str, owner: str) -> Profile:
    """Give the profile of a task; with the task that its queue is named after, which so keeps the plain name."""
    return Profile(_profile_name(task), (queue,), tasks=tuple(dict.fromkeys((_alone(task), _alone(owner)))))


def _profile_name(task: str) -> str:
    """Name a lane after the task, as far as the name does in a broker's queue."""
    try:
        return task_name(task)
    except ValueError:
        return _named_after(task)


def _alone(task: str) -> str:
    """Give a key that matches this task and no other, also where its name holds a pattern's signs."""
    return _SIGN.sub(r"[\g<0>]", task) if is_pattern(task) else task


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
