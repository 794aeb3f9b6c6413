"""The Celery app that a fleet file names, and the tasks it has."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from celery import Celery

from allotment.errors import AppUnusable
from allotment.local.importing import import_named, raised
from allotment.model.names import did_you_mean
from allotment.model.task import BUILT_IN_PREFIX, BeatEntry, KnownTask

QUEUE_ATTRIBUTE = "allotment_queue"
"""Where a task keeps the queue it was registered for: Celery 6 leaves its own attribute `queue` without effect."""


def make_importable(folder: Path) -> None:
    """Make modules beside the fleet file importable, as Celery does with the folder it is started in."""
    text = str(folder)
    if text not in sys.path:
        sys.path.insert(0, text)


def import_app(reference: str, folder: Path) -> Celery:
    """Import `module:attribute`; without an attribute, `app` or `celery` of the module. Raises AppUnusable."""
    module_name, _, attribute = reference.partition(":")
    make_importable(folder)
    module = import_named(module_name, f"the app {reference!r}", folder, AppUnusable)
    return _app_in(module, attribute, reference)


def _app_in(module: Any, attribute: str, reference: str) -> Celery:
    names = [attribute] if attribute else ["app", "celery"]
    for name in names:
        found = getattr(module, name, None)
        if isinstance(found, Celery):
            return found
        nested = getattr(found, "celery", None)
        if isinstance(nested, Celery):
            return nested
    apps = [
        name
        for name, value in vars(module).items()
        if isinstance(value, Celery) or isinstance(getattr(value, "celery", None), Celery)
    ]
    hint = did_you_mean(names[0], apps, otherwise=f"the module {module.__name__!r} holds no Celery app")
    raise AppUnusable(f"the app {reference!r} is not there, or not a Celery app", hint=hint)


def name_for_celery(app: Celery, reference: str) -> str | None:
    """Give what `celery -A` takes for an app that was imported as `module:attribute`; None where that finds none.

    Celery takes an app alone, and nothing that has one (`celery/app/utils.py`, `find_app`).
    """
    module, _, attribute = reference.partition(":")
    names = [name for name, value in vars(sys.modules[module]).items() if value is app]
    if attribute in names or (not attribute and names):
        return reference
    return f"{module}:{names[0]}" if names else None


def known_tasks(app: Celery) -> tuple[KnownTask, ...]:
    """Give the tasks registered with an app now, Celery's own left out, with the queue the app's `task_routes` name."""
    app.finalize(auto=True)
    # read by the keys, not by Celery's router: that one needs queues, and they are the plan's business
    routes = app.conf.task_routes
    return tuple(
        KnownTask(name, task.__module__, _queue_of(task, routes))
        for name, task in sorted(dict.copy(app.tasks).items())  # threads may register meanwhile
        if not name.startswith(BUILT_IN_PREFIX)
    )


def _queue_of(task: Any, routes: Any) -> str | None:
    """Give the queue a task was registered for, else where mappings route it, its own attribute's, its contract's."""
    registered, own = getattr(task, QUEUE_ATTRIBUTE, None), getattr(task, "queue", None)
    agreed = getattr(getattr(task, "contract", None), "queue", None)
    found: str | None = registered or routed_to(routes, task.name) or own or agreed
    return found


def beat_entries(app: Celery) -> tuple[BeatEntry, ...]:
    """Give the entries of the app's beat schedule."""
    entries = (app.conf.beat_schedule or {}).items()
    return tuple(_beat_entry(str(name), entry) for name, entry in entries)


def _beat_entry(name: str, entry: Mapping[str, Any]) -> BeatEntry:
    options = entry.get("options") or {}
    queue, zone, hint = (options.get(key) for key in ("queue", "zone", "resource_type"))
    return BeatEntry(
        name,
        entry["task"],
        None if queue is None else str(getattr(queue, "name", queue)),
        None if zone is None else str(zone),
        None if hint is None else str(hint),
    )


def routed_to(routes: Any, name: str) -> str | None:
    """Give the queue that mappings in `task_routes` name for a task; routers that are functions are not asked."""
    from celery.app.routes import MapRoute  # noqa: PLC0415 - only apps that route need it

    for route in _routes(routes):
        found = MapRoute(route)(name) if isinstance(route, _MAPPING) else None
        queue = found.get("queue") if found else None
        if queue is not None:
            return str(getattr(queue, "name", queue))
    return None


def function_routers(routes: Any) -> tuple[str, ...]:
    """Give the names of the routers in `task_routes` that are functions, or named as one."""
    return tuple(
        route if isinstance(route, str) else getattr(route, "__qualname__", type(route).__qualname__)
        for route in _routes(routes)
        if not isinstance(route, _MAPPING)
    )


_MAPPING = (dict, list, tuple)


def _routes(routes: Any) -> Iterable[Any]:
    """Give the routers one by one: the setting holds one, or several (`celery/app/routes.py`, `prepare`)."""
    return routes if isinstance(routes, (list, tuple)) else [routes] if routes else []


def import_all_tasks(app: Celery) -> None:
    """Import every module the app lists or discovers, as a worker does.

    Raises AppUnusable naming the module at fault.
    """
    try:
        app.loader.import_default_modules()
    except Exception as error:
        raise raised(f"a task module of the app {app.main!r}", error, AppUnusable) from error
