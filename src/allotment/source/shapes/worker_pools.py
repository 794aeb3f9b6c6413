"""A Python module with `WORKER_POOLS`, or with the queues of a Celery app, or with both."""

from typing import Any

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.source.document import Document
from allotment.source.shapes import kombu_queues
from allotment.source.shapes.draft import At, Draft
from allotment.source.shapes.profile_keys import COMMON, Keys, as_it_is, bound, bounds, kibibytes
from allotment.source.shapes.profiles import Profiles
from allotment.source.shapes.python_names import read_names
from allotment.source.shapes.python_values import Called

_POOLS = "WORKER_POOLS"
_QUEUES = ("CELERY_QUEUES", "CELERY_TASK_QUEUES", "task_queues")

_KEYS: Keys = {
    **COMMON,
    "concurrency": ("concurrency", as_it_is),
    "pool": ("pool", as_it_is),
    "max_tasks_per_child": ("max_tasks_per_child", as_it_is),
    "max_memory_per_child": ("max_memory_per_child", kibibytes),
    "time_limit": ("time_limit", as_it_is),
    "soft_time_limit": ("soft_time_limit", as_it_is),
}
KEYS: Keys = {
    **_KEYS,
    **{f"worker_{key}": _KEYS[key] for key in ("concurrency", "pool", "max_tasks_per_child", "max_memory_per_child")},
    **{f"task_{key}": _KEYS[key] for key in ("time_limit", "soft_time_limit")},
    "worker_prefetch_multiplier": COMMON["prefetch_multiplier"],
    "worker_autoscale": ("autoscale", bounds),
    "autoscale_min": ("autoscale_min", bound("min")),
    "autoscale_max": ("autoscale_max", bound("max")),
    "worker_autoscale_min": ("autoscale_min", bound("min")),
    "worker_autoscale_max": ("autoscale_max", bound("max")),
}
"""Celery's settings for a worker, with and without what they begin with."""


def read(text: str, file: str) -> Document:
    """Give a module's pools and queues as a fleet file's values. Raises FileInvalid."""
    document = read_names(text, file, frozenset({_POOLS, *_QUEUES}))
    names = document.root
    if not names:
        message = f"{file} has neither {_POOLS} nor a list of queues ({', '.join(_QUEUES)})"
        hint = f"a fleet file names an app; this file may say {_POOLS} = {{'cpu': {{'queues': ['cpu']}}}}"
        raise FileInvalid((FileProblem("no-profiles", message, where=Where(file, 1, 1), hint=hint),))
    draft = Draft(document)
    root = draft.mapping()
    _add_queues(draft, root, names)
    if _POOLS not in names:
        return draft.document(root)
    pools = names[_POOLS]
    if not isinstance(pools, dict) or isinstance(pools, Called):
        draft.problem("bad-value", f"{_POOLS} is not a mapping", At(names, _POOLS), "write {'cpu': {…}, 'io': {…}}")
        return draft.document(root)
    profiles = Profiles(draft, At(names, _POOLS), KEYS)
    for name in pools:
        profiles.add(At(pools, name), with_queue=True)
    assumed = profiles.put_into(root, with_routes=True)
    return draft.document(root, (assumed,))


def _add_queues(draft: Draft, root: dict[str, Any], names: dict[str, Any]) -> None:
    """Put the queues in; one list under two names counts once."""
    lists = {id(names[name]): At(names, name) for name in _QUEUES if name in names}
    for at in lists.values():
        queues = root.get("queues")
        if queues is None:
            queues = draft.mapping()
            draft.put(root, "queues", queues, at)
        if isinstance(at.value, list):
            for number in range(len(at.value)):
                _add_queue(draft, queues, At(at.value, number))
        else:
            draft.problem("bad-value", f"{at.step} is not a list", at, "write (Queue('cpu'), Queue('io'))")


def _add_queue(draft: Draft, queues: dict[str, Any], at: At) -> None:
    values = at.value
    if not isinstance(values, Called) or values.kind != "Queue" or not isinstance(values.get("name"), str):
        draft.problem("bad-value", "this is no queue with a name", at, "write Queue('its name', …)")
        return
    name = values["name"]
    if name in queues:
        first = draft.where(At(queues, name), key=True).line
        draft.problem("defined-twice", f"queue {name!r} is here twice", at, f"it is also in line {first}; keep one")
        return
    draft.put(queues, name, kombu_queues.queue(draft, values), At(values, "name"), named=True)
