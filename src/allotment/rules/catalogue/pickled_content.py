"""Messages or results are pickled, so whoever can write to the broker can run any code on the workers."""

from collections.abc import Iterator
from typing import Any

from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Setting, Subject

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

PICKLE = frozenset({"pickle", "application/x-python-serialize"})
"""The format's name and its content type (`kombu/serialization.py`). YAML is read by `safe_load`, which is harmless."""

_WITH_PICKLE = {
    "accept_content": "workers accept messages that are pickled",
    "result_accept_content": "results that are pickled are accepted",
    "task_serializer": "tasks are sent pickled",
    "result_serializer": "results are stored pickled",
}


def check(subject: Subject) -> Iterator[Finding]:
    """Find pickle in the settings of the file and of the app, and as the serializer of tasks."""
    for name, says in _WITH_PICKLE.items():
        setting = subject.setting(name)
        if setting is not None and PICKLE.intersection(_formats(setting.value)):
            yield _in_setting(name, says, setting)
    known = subject.plan.known.values()
    pickled = [task.name for task in known if PICKLE.intersection(_formats(task.attributes.get("serializer")))]
    if pickled:
        yield Finding(
            f"the serializer of {a_few(pickled)} is pickle",
            "remove serializer= from the task, and send it what JSON can hold",
            (Label(subject.of_task(subject.plan.tasks[pickled[0]]), "its arguments are sent pickled"),),
        )


def _in_setting(name: str, says: str, setting: Setting) -> Finding:
    listed = isinstance(setting.value, (list, tuple))
    remedy = f"take pickle out of {name}" if listed else f"write {name}: json"
    if setting.path is None:
        label = Label(("app",), f"this app sets {name}")
        return Finding(f"{says}: {name} of the app", f"{remedy}, in the app", (label,))
    named = (place for place, one in enumerate(setting.value) if PICKLE.intersection(_formats(one))) if listed else ()
    place = next(iter(named), None)
    return Finding(says, remedy, (Label(setting.path if place is None else (*setting.path, place), "pickle"),))


def _formats(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(one, str)]
