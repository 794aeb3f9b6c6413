"""One workflow's path, read from its stored results."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from celery import Celery

from allotment.engine.marks import Mark, read_mark
from allotment.engine.results import require_stored
from allotment.errors import UnknownName

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One task of a workflow; `mark` is None where it has not ended or was run by a worker outside the fleet."""

    id: str
    state: str
    error: str | None
    mark: Mark | None


def trace(app: Celery, task_id: str) -> tuple[TraceStep, ...]:
    """Give the steps of the workflow that a task belongs to, in the order in which they ended.

    From a task all before it are found, and all that its own results name. What comes after a chord is not named by the
    results of the chord's header (`celery/backends/redis.py`, `on_chord_part_return`): give a task after it.
    Raises UnknownName where nothing is stored under the id, ResultsUnavailable where the backend stores nothing.
    """
    require_stored(app)
    metas = _gather(app, _up(app, task_id))
    if not any(meta["status"] != "PENDING" for meta in metas.values()):
        raise UnknownName(
            f"nothing is stored under {task_id!r}",
            hint="it has not ended yet, its result has expired, or the id is of another fleet; `allot run` prints ids",
        )
    steps = [_step(identity, meta) for identity, meta in metas.items()]
    return tuple(sorted(steps, key=lambda step: step.mark.started or step.mark.ended if step.mark else float("inf")))


def _up(app: Celery, task_id: str) -> list[str]:
    """Give a task and those before it, up to the first of its workflow."""
    path: list[str] = []
    current: str | None = task_id
    while current and current not in path:
        path.append(current)
        current = app.backend.get_task_meta(current).get("parent_id")
    return path


def _gather(app: Celery, ids: list[str]) -> dict[str, Any]:
    """Read the metadata of tasks and of all that is known to have followed from them."""
    metas: dict[str, Any] = {}
    waiting = list(ids)
    while waiting and len(metas) < _MOST:
        identity = waiting.pop()
        if identity not in metas:
            metas[identity] = meta = app.backend.get_task_meta(identity)
            waiting += _children(meta.get("children") or ())
    return metas


def _children(children: Any) -> Iterator[str]:
    """Give the ids in stored children: each `[[id, parent], members or None]`, as `as_tuple` of a result writes it."""
    for (identity, _parent), inner in children:
        if inner is None:
            yield str(identity)
        else:
            yield from _children(inner)


def _step(identity: str, meta: dict[str, Any]) -> TraceStep:
    failed = meta["status"] == "FAILURE"
    error = f"{type(meta['result']).__name__}: {meta['result']}" if failed else None
    return TraceStep(identity, meta["status"], error, read_mark(meta))
