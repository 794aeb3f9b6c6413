"""What the message of a task looks like, as far as a worker of Celery's relies on it.

Celery looks at little of it beforehand, and what it trips over later ends the worker (5.7; `celery/worker/request.py`,
`celery/worker/strategy.py`). Fields: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from celery.exceptions import InvalidTaskError
from kombu.exceptions import DecodeError

from allotment.engine.guard.arrival import NO_DATE
from allotment.engine.guard.properties import UNREAD
from allotment.engine.quarantine import Reason

Fields = Mapping[Any, Any]

TRIPPED = (
    DecodeError,
    InvalidTaskError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)
"""What is raised where a message is not as code takes it to be. Lost connections and full disks are not among it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is not run: the reason by its name, and in words."""

    reason: Reason
    detail: str


_SEQUENCE = (list, tuple)
_TEXT = (str,)
_COUNT = (int,)

_KINDS: Mapping[str, tuple[type, ...]] = {
    "shadow": _TEXT,
    "root_id": _TEXT,
    "parent_id": _TEXT,
    "group": _TEXT,
    "group_index": _COUNT,
    "retries": _COUNT,
    "replaced_task_nesting": _COUNT,
    "stamped_headers": _SEQUENCE,
    "stamps": (dict,),
}
"""What Celery takes a field to be where it is there and not null."""

_EMBEDDED: Mapping[str, tuple[type, ...]] = {
    "callbacks": _SEQUENCE,
    "errbacks": _SEQUENCE,
    "chain": _SEQUENCE,
    "chord": (dict,),
}
"""What is to follow from a task, in the third part of its body."""

_SHORT = 80
"""Characters of a text that are told of it."""

_PARTS = 3
_LIMITS = 2


def task_named(headers: Fields, payload: Any) -> str | None:
    """Give the task that a message is for: by its header, else, in protocol 1, by its body; None: it names none."""
    name = headers["task"] if "task" in headers else payload.get("task") if isinstance(payload, Mapping) else None
    return name if isinstance(name, str) else None


def fields_of(headers: Fields, payload: Any) -> Fields:
    """Give the fields of a task's message: its headers, or in protocol 1 its body; in the mixed one both."""
    if not isinstance(payload, Mapping):
        return headers
    return {**payload, **headers} if "task" in headers else payload


def fault_of(headers: Fields, payload: Any) -> Fault | None:
    """Say why a message with this decoded body is not that of a task; None: it is one."""
    if task_named(headers, payload) is None:
        return _nameless(headers, payload)
    wrong = _wrong_body(headers, payload) or _wrong_field(fields_of(headers, payload))
    return Fault(Reason.UNDECODABLE, wrong) if wrong else None


def _nameless(headers: Fields, payload: Any) -> Fault:
    if UNREAD in headers:
        return Fault(Reason.UNDECODABLE, f"its headers cannot be read; the header {UNREAD!r} holds them as they came")
    if "task" in headers:
        return Fault(Reason.UNDECODABLE, f"its header 'task' is {_kind(headers['task'])}, not a text")
    if isinstance(payload, Mapping) and "task" in payload:
        return Fault(Reason.UNDECODABLE, f"'task' in its body is {_kind(payload['task'])}, not a text")
    return Fault(Reason.UNKNOWN_PROTOCOL, f"it names no task: no header says one, and its body is {_kind(payload)}")


def _wrong_body(headers: Fields, payload: Any) -> str | None:
    if isinstance(payload, Mapping):
        if "task" in headers and "args" not in payload:
            return "its body is a mapping without 'args'"
        args, kwargs, embedded = payload.get("args", ()), payload.get("kwargs", {}), payload
    elif isinstance(payload, _SEQUENCE) and len(payload) == _PARTS:
        args, kwargs, embedded = payload
    else:
        return f"its body is {_kind(payload)}, not arguments, keyword arguments and what follows"
    if not isinstance(args, _SEQUENCE):
        return f"its arguments are {_kind(args)}, not a list"
    if not isinstance(kwargs, dict):
        return f"its keyword arguments are {_kind(kwargs)}, not a mapping"
    if embedded is None:
        return None
    if not isinstance(embedded, dict):
        return f"what is to follow from it is {_kind(embedded)}, not a mapping"
    return _of_wrong_kind(embedded, _EMBEDDED)


def _wrong_field(fields: Fields) -> str | None:
    identity = fields.get("id")
    if not isinstance(identity, str) or not identity:
        return "it has no id" if identity is None else f"its id is {_kind(identity)}, not a text"
    if not _are_limits(fields.get("timelimit")):
        return f"its 'timelimit' is {_kind(fields['timelimit'])}, not two numbers of seconds"
    return _of_wrong_kind(fields, _KINDS) or _wrong_stamps(fields)


def _of_wrong_kind(fields: Fields, kinds: Mapping[str, tuple[type, ...]]) -> str | None:
    for key, kind in kinds.items():
        value = fields.get(key)
        if value is not None and not isinstance(value, kind):
            return f"its {key!r} is {_kind(value)}"
    return None


def _are_limits(limits: Any) -> bool:
    if limits is None:
        return True
    return isinstance(limits, _SEQUENCE) and len(limits) == _LIMITS and all(map(_is_limit, limits))


def _is_limit(seconds: Any) -> bool:
    if seconds is None:
        return True
    return isinstance(seconds, (int, float)) and _is_finite(seconds) and seconds >= 0


def _is_finite(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:  # a whole number that is none of floating point
        return False


def _wrong_stamps(fields: Fields) -> str | None:
    stamped = fields.get("stamped_headers")
    if stamped and not all(isinstance(name, str) for name in stamped):
        return "its 'stamped_headers' are not all texts"
    return None


def _kind(value: Any) -> str:
    """Say what a value is, and what it is where that can be told in a few words."""
    if value is None:
        return "null"
    if isinstance(value, _SEQUENCE):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"a mapping of {len(value)}"
    if not isinstance(value, (str, int, float)):
        return f"a {type(value).__name__}"
    try:
        return repr(value[:_SHORT] if isinstance(value, str) else value)
    except ValueError:  # more digits than Python writes
        return "a number of very many digits"


def unreadable_time(fields: Fields, read: Callable[[Any], datetime]) -> Fault | None:
    """Say which of a message's two dates cannot be read, `read` being how the worker does it; None: both can."""
    for key in ("eta", "expires"):
        value = fields.get(key)
        if value is not None:
            try:
                read(value)
            except NO_DATE as error:
                return Fault(Reason.UNREADABLE_ETA, f"its {key!r} is {_kind(value)}, no date: {error}")
    return None
