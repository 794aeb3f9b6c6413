"""The idempotent tasks of a worker, prepared before it takes any; what cannot be is told then."""

from collections.abc import Iterable
from typing import Any

from celery import Celery

from allotment.engine.idempotency.keys import parameters_of
from allotment.engine.idempotency.once import Keeper, run_once
from allotment.engine.idempotency.server import has_server
from allotment.engine.idempotency.values import pickles
from allotment.errors import IdempotencyUnusable, Where
from allotment.model.idempotency import Idempotency
from allotment.plan.idempotency import unusable_key


def prepare(app: Celery, names: Iterable[str]) -> None:
    """Have the tasks of these names run their code once for each key, where their entries in the file say so.

    Raises IdempotencyUnusable where an entry names a parameter that its task does not have, or where keys and results
    cannot be kept.
    """
    installation = app.allotment
    entries = ((name, installation.plan.tasks[name].entry) for name in sorted(names))
    found = [(app.tasks[name], entry) for name, entry in entries if entry is not None and entry.idempotent is not None]
    keeper = Keeper(app)
    for task, entry in found:
        place = installation.file.document.where(("tasks", entry.key, "idempotent", "key"))
        _check_server(app, task.name, place)
        _check_key(task, entry.idempotent, place)
        run_once(task, entry.idempotent, keeper)


def _check_server(app: Celery, task: str, place: Where) -> None:
    if not has_server(app):
        raise IdempotencyUnusable(
            f"{task!r} is to be idempotent, and neither results nor messages are at a server that can keep its keys",
            where=place,
            hint="keep results in Redis or Valkey, with results: redis://… or results: embedded",
        )
    if pickles(app):
        raise IdempotencyUnusable(
            f"{task!r} is to be idempotent, and the app writes results with pickle, in which none is kept for repeats",
            where=place,
            hint="set result_serializer: json",
        )


def _check_key(task: Any, said: Idempotency, place: Where) -> None:
    unusable = unusable_key(said, task.name, parameters_of(task))
    if unusable is not None:
        raise IdempotencyUnusable(unusable.message, where=place, hint=unusable.remedy)
