"""What a canvas holds: the tasks inside chains, groups, chords and callbacks."""

from collections.abc import Iterator, Mapping
from typing import Any

_COMPOSITES = {"celery.chain": ("tasks",), "celery.group": ("tasks",), "celery.chord": ("header", "body")}
MAPS = frozenset({"celery.map", "celery.starmap", "celery.chunks"})
"""Celery's tasks that call another task for each of many arguments."""

_UNLOCK = "celery.chord_unlock"


def leaves(signature: Any) -> Iterator[Mapping[str, Any]]:
    """Give every signature of a single task inside this one, a list of them, or None; what follows from them too."""
    if signature is None:
        return
    if isinstance(signature, (list, tuple)):
        for inner in signature:
            yield from leaves(inner)
        return
    if not isinstance(signature, Mapping) or "task" not in signature:
        return
    options = signature.get("options") or {}
    for key in ("link", "link_error", "chord"):
        yield from leaves(options.get(key))
    parts = _COMPOSITES.get(signature["task"])
    if parts is None:
        yield signature
        return
    for part in parts:
        yield from leaves(signature.get("kwargs", {}).get(part))


def task_that_decides(name: str, args: Any, kwargs: Mapping[str, Any] | None) -> tuple[str, str | None]:
    """Give the task whose route a message follows, and the queue its signature names.

    For most it is the task itself. `celery.map` and its like run another task inside and must go where that one can
    run; the task that waits for a chord goes where the chord's body goes, whose queue is sure to be consumed.
    """
    inner = None
    if name in MAPS:
        inner = (kwargs or {}).get("task")
    elif name == _UNLOCK:
        inner = args[1] if args and len(args) > 1 else (kwargs or {}).get("callback")
    first = next(leaves(inner), None)
    if first is None:
        return name, None
    return first["task"], (first.get("options") or {}).get("queue")
