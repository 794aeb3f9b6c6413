"""Which tasks a worker registers: those of its profile or of the fleet, as far as the request leaves them in."""

from collections.abc import Iterable, Iterator

from allotment.backends.request import WorkerRequest
from allotment.errors import SelectionInvalid, UnknownName
from allotment.model.names import did_you_mean, nearest
from allotment.model.patterns import is_pattern, matches
from allotment.plan.plan import Plan


def chosen_tasks(plan: Plan, request: WorkerRequest) -> tuple[str, ...]:
    """Give the tasks a worker registers, sorted.

    Raises UnknownName for a task, a queue or a profile that is not there, and SelectionInvalid where what is asked
    contradicts itself or leaves nothing.
    """
    _check_profile(plan, request.profile)
    _check_queues(plan, request)
    able = frozenset(plan.registered_by(request.profile) if request.profile else _runnable(plan))
    if request.tasks is None:
        found = set(able)
    else:
        found = {task for key in request.tasks for task in _wanted(plan, key, able, request)}
    found -= _excluded(plan, request)
    for keys in request.within:
        found.intersection_update(task for key in keys for task in named(key, plan.tasks))
    if request.queues is not None:
        found = {task for task in found if not set(request.queues).isdisjoint(_queues_for(plan, task, request))}
    if not found:
        raise SelectionInvalid("the worker would register no task", hint=_why_nothing(plan, request, able))
    return tuple(sorted(found))


def named(key: str, known: Iterable[str]) -> tuple[str, ...]:
    """Give the tasks that a key names: by the full name, by the last part of one name alone, or by a pattern of either.

    Raises UnknownName, and SelectionInvalid for a last part of several.
    """
    names = sorted(known)
    if key in names:
        return (key,)
    if is_pattern(key):
        found = [name for name in names if matches(key, name) or matches(key, _last_part(name))]
    else:
        found = [name for name in names if _last_part(name) == key]
    if not found:
        raise UnknownName(
            f"no task matches {key!r}" if is_pattern(key) else f"there is no task {key!r}",
            hint=_hint(key, names),
        )
    if len(found) > 1 and not is_pattern(key):
        raise SelectionInvalid(f"several tasks are called {key!r}", hint=f"write one of {', '.join(found)}")
    return tuple(found)


_LISTED = "`task-backend-worker --list-tasks` lists the tasks with their queues"


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _hint(key: str, names: list[str]) -> str:
    near = nearest(key, {*names, *map(_last_part, names)})
    return f"did you mean {near!r}?" if near else did_you_mean(key, names, otherwise=_LISTED)


def _check_profile(plan: Plan, profile: str | None) -> None:
    profiles = plan.model.profiles
    if profile is not None and profile not in profiles:
        raise UnknownName(f"there is no profile {profile!r}", hint=did_you_mean(profile, profiles))


def _check_queues(plan: Plan, request: WorkerRequest) -> None:
    for queue in request.queues or ():
        if queue not in plan.queues:
            raise UnknownName(f"there is no queue {queue!r}", hint=did_you_mean(queue, plan.queues, otherwise=_LISTED))
        profile = plan.model.profiles[request.profile] if request.profile else None
        if profile is not None and queue not in profile.queues:
            raise SelectionInvalid(
                f"the queue {queue!r} is chosen, and profile {profile.name!r} does not consume it",
                hint=f"it consumes {', '.join(profile.queues)}",
            )


def _runnable(plan: Plan) -> Iterator[str]:
    return (name for name in plan.tasks if plan.queues_for(name))


def _wanted(plan: Plan, key: str, able: frozenset[str], request: WorkerRequest) -> tuple[str, ...]:
    """Give the tasks that one of the chosen names means and the worker can register."""
    found = tuple(task for task in named(key, plan.tasks) if task in able)
    if not found and request.profile is not None:
        raise SelectionInvalid(
            f"the task {key!r} is chosen, and profile {request.profile!r} does not register it",
            hint=f"leave one of the two out, or add it to profiles.{request.profile}.tasks in the file",
        )
    if not found:
        raise SelectionInvalid(f"the task {key!r} is chosen, and no profile can run it", hint="see `allot explain`")
    queues = {queue for task in found for queue in _queues_for(plan, task, request)}
    if request.queues is not None and queues.isdisjoint(request.queues):
        raise SelectionInvalid(
            f"the task {key!r} is chosen, and it is not sent to {', '.join(request.queues)}",
            hint=f"it goes to {', '.join(sorted(queues))}",
        )
    return found


def _queues_for(plan: Plan, task: str, request: WorkerRequest) -> tuple[str, ...]:
    """Give the queues a task may be sent to and the worker may consume."""
    own = plan.model.profiles[request.profile].queues if request.profile else plan.queues
    return tuple(queue for queue in plan.queues_for(task) if queue in own)


def _excluded(plan: Plan, request: WorkerRequest) -> set[str]:
    """Give the tasks that are left out. A pattern may take some from another; what is named outright is not taken."""
    excluded = {task for key in request.exclude_tasks for task in named(key, plan.tasks)}
    for key in request.tasks or ():
        both = excluded.intersection(named(key, plan.tasks))
        if both and (key in request.exclude_tasks or not is_pattern(key)):
            raise SelectionInvalid(f"the task {min(both)!r} is chosen and excluded", hint="take one of the two away")
    return excluded


def _why_nothing(plan: Plan, request: WorkerRequest, able: frozenset[str]) -> str:
    if not plan.tasks:
        return "the app has no tasks: are their modules imported, or listed in its `include`?"
    if not able and request.profile is not None:
        return f"profile {request.profile!r} can run none of the app's tasks: `allot check` shows why"
    return f"choose other tasks or queues, or exclude fewer; {_LISTED}"
