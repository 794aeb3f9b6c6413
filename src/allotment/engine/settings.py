"""An app's settings and its tasks' attributes, as far as `allot check` looks at them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from celery import Celery
from celery.app.defaults import NAMESPACES, flatten

from allotment.model.settings import SHOWN, AppSettings

TASK_ATTRIBUTES = (
    "acks_late",
    "reject_on_worker_lost",
    "time_limit",
    "soft_time_limit",
    "serializer",
    "ignore_result",
)
DEPRECATED = ("queue", "exchange", "exchange_type", "routing_key", "delivery_mode", "priority")
"""Attributes of tasks that Celery 6 removes, in favour of `task_routes` (Celery 5.7, "What's new")."""


def setting_names() -> frozenset[str]:
    """Give every setting that Celery knows, by its lower-case name (`celery/app/defaults.py`)."""
    return frozenset(name for name, _ in flatten(NAMESPACES))


def app_settings(app: Celery) -> AppSettings:
    """Read what the app sets itself. A value that is no plain one is left out."""
    given = dict(_given(app))
    known = setting_names()
    values = {name: value for name, value in given.items() if name in SHOWN and _plain(value)}
    return AppSettings(values, tuple(sorted(name for name in given if name not in known and _like_celerys(name))))


def _given(app: Celery) -> Iterator[tuple[str, Any]]:
    """Give the settings that somebody set, by lower-case name without the app's own prefix.

    Celery's own defaults are the last mapping of `app.conf` (`celery/app/utils.py`, `Settings`).
    """
    prefix = str(getattr(app.conf, "prefix", None) or "")
    for mapping in reversed(app.conf.maps[:-1]):
        for name in list(mapping):
            text = str(name)
            bare = text.removeprefix(prefix) if prefix else text
            if text == text.lower() or bare != text:
                yield bare.lower(), mapping[name]


def _like_celerys(name: str) -> bool:
    """Say whether a name is meant for Celery: it begins as most of its settings do."""
    return name.startswith(("beat_", "broker_", "event_", "result_", "task_", "worker_"))


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def task_attributes(task: Any) -> Mapping[str, Any]:
    """Give what the task's own class or decorator says, of what is looked at.

    What the app says for all tasks is left out: Celery writes it into each task when the task is bound
    (`celery/app/task.py`, `from_config`).
    """
    of_app = {name: task.app.conf[setting] for name, setting in task.from_config}
    found: dict[str, Any] = {}
    for name in (*TASK_ATTRIBUTES, *DEPRECATED):
        value = next((vars(one)[name] for one in _own_classes(task) if name in vars(one)), None)
        if value is not None and value != of_app.get(name) and _plain(value):
            found[name] = value
    return found


def _own_classes(task: Any) -> Iterator[type]:
    """Give the classes between a task and Celery's own `Task`, whose attributes `bind` fills in from the settings."""
    for one in type(task).__mro__:
        if one.__module__.startswith("celery."):
            return
        yield one
