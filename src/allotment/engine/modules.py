"""The modules that hold an app's tasks, and a loader that imports only some of them.

A worker imports the modules of the tasks it registers and no others: a library that one profile needs is not asked of
the rest. Which module holds which task is found in a process of its own, so that nothing it imports stays.
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery import Celery, chord

from allotment.engine.addresses import broker_of
from allotment.engine.app import beat_entries, function_routers, import_app, known_tasks, name_for_celery
from allotment.engine.contracts.refusing import placeholders
from allotment.engine.declared import declared_tasks
from allotment.engine.idempotency.keys import parameters_of
from allotment.engine.settings import app_settings, task_attributes
from allotment.errors import AppUnusable
from allotment.model.address import without_secrets
from allotment.model.inventory import Inventory
from allotment.model.task import KnownTask


def take_inventory(app: Celery) -> Inventory:
    """Import the app's listed modules one by one and note what each registers; one that fails is read, not run."""
    found = {task.name: None for task in known_tasks(app)}
    listed_in: dict[str, str | None] = dict(found)
    failed: dict[str, str] = {}
    declared: list[KnownTask] = []
    listed = listed_modules(app)
    for module in listed:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - whatever a user's module raises is reported with its name
            failed[module] = f"{type(error).__name__}: {error}"
            declared += declared_tasks(module)
            continue
        for task in known_tasks(app):
            if task.name not in listed_in:
                listed_in[task.name] = task.module if task.module in listed else module
    tasks = {task.name: task for task in (*declared, *known_tasks(app))}
    for task in declared:
        listed_in.setdefault(task.name, task.module)
    known = tuple(_with_attributes(app, tasks[name]) for name in sorted(tasks))
    modules = {task.module for task in known if task.module is not None}
    chords_in = tuple(sorted(module for module in modules if _uses_chord(module)))
    installation = getattr(app, "allotment", None)
    follows = None if installation is None else installation.follows
    return Inventory(
        known,
        listed_in,
        failed,
        beat_entries(app),
        app_settings(app),
        chords_in,
        placeholders(app),
        follows,
        without_secrets(broker_of(app)),
        function_routers(app.conf.task_routes),
    )


def _with_attributes(app: Celery, task: KnownTask) -> KnownTask:
    registered = app.tasks.get(task.name)
    if registered is None:
        return task
    return replace(task, attributes=task_attributes(registered), parameters=parameters_of(registered))


def _uses_chord(module: str) -> bool:
    """Say whether a module has Celery's chord among its names."""
    return any(value is chord for value in vars(sys.modules[module]).values()) if module in sys.modules else False


def listed_modules(app: Celery) -> tuple[str, ...]:
    """List the modules an app names in `imports` and `include`, and those that `autodiscover_tasks` would find."""
    modules = dict.fromkeys((*_as_tuple(app.conf.imports), *_as_tuple(app.conf.include)))
    discovered: list[str] = []
    original = app.loader.autodiscover_tasks

    def note(packages: Iterable[str], related_name: str | None = "tasks") -> list[Any]:
        discovered.extend(f"{package}.{related_name}" if related_name else package for package in packages)
        return []

    app.loader.autodiscover_tasks = note
    try:
        from celery import signals  # noqa: PLC0415 - only here

        for _, response in signals.import_modules.send(sender=app):
            if isinstance(response, Exception):
                raise response
    finally:
        app.loader.autodiscover_tasks = original
    return (*modules, *(name for name in dict.fromkeys(discovered) if name not in modules and _exists(name)))


def _as_tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def import_only(app: Celery, modules: frozenset[str]) -> None:
    """Make the app's loader import these of its listed modules and pass the others over."""
    loader = app.loader
    import_module, autodiscover = loader.import_task_module, loader.autodiscover_tasks

    def import_listed(module: str) -> Any:
        return import_module(module) if module in modules else None

    def discover(packages: Iterable[str], related_name: str | None = "tasks") -> Any:
        wanted = [name for name in packages if (f"{name}.{related_name}" if related_name else name) in modules]
        return autodiscover(wanted, related_name)

    loader.import_task_module = import_listed
    loader.autodiscover_tasks = discover


def keep_only(app: Celery, names: frozenset[str]) -> None:
    """Unregister every task but these and Celery's own."""
    for task in known_tasks(app):
        if task.name not in names:
            app.tasks.unregister(task.name)


def main() -> int:
    """Write the inventory of the app named on the command line into a file, for `allotment.local.answer`.

    The file's path comes first, then the app, then the folder that it is importable from.
    """
    file, reference, folder = sys.argv[1:]
    try:
        app = import_app(reference, Path(folder))
        inventory = replace(take_inventory(app), celery_app=name_for_celery(app, reference))
        answer: dict[str, Any] = {"found": inventory.to_json()}
    except AppUnusable as error:
        answer = {"unusable": [error.message, error.hint or ""]}
    Path(file).write_text(json.dumps(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
