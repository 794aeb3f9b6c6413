"""An app's settings and its tasks' attributes, as far as `allot check` looks at them."""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.app.defaults import NAMESPACES, flatten

from allotment.model.settings import SHOWN, AppSettings

TASK_ATTRIBUTES = (
    "acks_late",
    "reject_on_worker_lost",
    "retry_on_worker_lost",
    "time_limit",
    "soft_time_limit",
    "serializer",
    "ignore_result",
)
DEPRECATED = ("queue", "exchange", "exchange_type", "routing_key", "delivery_mode", "priority")
"""Attributes of tasks that Celery 6 leaves without effect (`celery/app/task.py`, `bind`)."""

READ_UNDECLARED = frozenset(
    {
        "cassandra_secure_bundle_path",
        "dynamodb_endpoint_url",
        "gcs_threadpool_maxsize",
        "override_backends",
        "redis_backend_credential_provider",
        "redis_backend_health_check_interval",
        "redis_client_name",
        "result_backend_thread_safe",
    }
)
"""Settings that Celery reads and does not list among its defaults."""

_PLAIN = (str, int, float, list, tuple, dict, set, frozenset, timedelta, type(None))
_WORDS_OF_OPTIONS = frozenset({"queue_order_strategy"})
"""Options of the transport that are words and no secret."""


def setting_names() -> frozenset[str]:
    """Give every setting that Celery knows, by its lower-case name (`celery/app/defaults.py`)."""
    return READ_UNDECLARED.union(name for name, _ in flatten(NAMESPACES))


def app_settings(app: Celery) -> AppSettings:
    """Read what the app sets itself, under whichever of its names. A value that is no plain one is left out."""
    values: dict[str, Any] = {}
    for name in sorted(SHOWN):
        # `value_set_for` finds old names and names with the app's own prefix too (celery/app/utils.py, `Settings`)
        if app.conf.value_set_for(name):
            value = _without_secrets(name, app.conf[name])
            if value is not None and _plain(value):
                values[name] = value
    return AppSettings(values, tuple(sorted(set(_unknown(app)))))


def _without_secrets(name: str, value: Any) -> Any:
    """Give what may leave the process: of addresses the scheme, of encryption whether it is on, of options figures."""
    if name == "result_backend":
        return value.partition("://")[0] if isinstance(value, str) else type(value).__name__
    if name == "broker_use_ssl":
        return bool(value)
    if name == "broker_transport_options" and isinstance(value, Mapping):
        return {key: said for key, said in value.items() if key in _WORDS_OF_OPTIONS or _figures(said)}
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else value


def _figures(value: Any) -> bool:
    parts = value if isinstance(value, (list, tuple)) else [value]
    return all(isinstance(part, (int, float)) for part in parts)


def _unknown(app: Celery) -> Iterator[str]:
    """Give the names meant for Celery that it does not have.

    Celery's own defaults are the last mapping of `app.conf`. A name in capitals is read only where the app has a
    prefix, as Django's has; a module of settings holds other names too, those it imports and those it makes others of.
    """
    known = setting_names()
    prefix = str(app.conf.prefix or "")
    for mapping in app.conf.maps[:-1]:
        used = _used_by_its_module(mapping)
        for text in (key for key in list(mapping) if isinstance(key, str) and key not in used):
            bare = text.removeprefix(prefix) if prefix else text
            name = bare.lower()
            meant = (text == name or bare != text) and _like_celerys(name)
            if meant and name not in known and isinstance(mapping[text], _PLAIN):
                yield name


def _used_by_its_module(mapping: Any) -> frozenset[str]:
    """Give the names that a module of settings reads itself: to make other settings of, say."""
    settings = getattr(mapping, "obj", None)
    named = str(getattr(settings, "SETTINGS_MODULE", ""))  # of Django's settings
    module = settings if inspect.ismodule(settings) else sys.modules.get(named)
    try:
        tree = ast.parse(inspect.getsource(module)) if module else ast.Module([], [])
    except (OSError, SyntaxError):
        return frozenset()
    return frozenset(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )


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
        one = next((one for one in _own_classes(task) if vars(one).get(name) is not None), None)
        if one is not None and (_said_before_bound(one, name) or vars(one)[name] != of_app.get(name)):
            value = vars(one)[name]
            if _plain(value):
                found[name] = value
    return found


def _own_classes(task: Any) -> Iterator[type]:
    """Give the classes between a task and Celery's own `Task`, whose attributes `bind` fills in from the settings."""
    for one in type(task).__mro__:
        if one.__module__.startswith("celery."):
            return
        yield one


def _said_before_bound(one: type, name: str) -> bool:
    """Say whether a class had an attribute when it was made: a class keeps its attributes in the order they came in."""
    names = list(vars(one))
    return "__bound__" not in names or names.index(name) < names.index("__bound__")
