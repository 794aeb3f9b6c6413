"""How deep a message is nested. Python's limit on recursion lets a worker read deeper nesting than it can hand on.

The hand-over to a pool of processes happens later, wherever a place in the pool becomes free, and an error there ends
the worker (`celery/worker/worker.py`, `_process_task`). It comes at some 450 levels.
"""

from typing import Any

MOST_LEVELS = 250
"""Levels of lists and mappings in a message that is run."""

_JSON = "application/json"
_CONTAINERS = frozenset({dict, list, tuple})
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def is_deep(message: Any, payload: Any) -> bool:
    """Say whether a message's headers, properties or decoded body have more levels than it may have."""
    if _has_levels(message.headers) or _has_levels(message.properties):
        return True
    return not (message.content_type == _JSON and _is_flat(message.body)) and _levels_exceed([payload])


def _has_levels(fields: dict[Any, Any]) -> bool:
    """Say whether headers or properties are nested too deep; nearly all of them hold no more than a list of numbers."""
    nested = [value for value in fields.values() if value.__class__ in _CONTAINERS]
    return bool(nested) and _levels_exceed(nested)


def _is_flat(body: str | bytes) -> bool:
    """Say whether a text in JSON is sure not to be nested too deep: nearly all are, and it is quickly seen.

    Each pass takes the innermost brackets away, so that there are as many passes as levels. What stays are brackets
    inside of texts.
    """
    opening: tuple[Any, Any] = ("[", "{") if isinstance(body, str) else (b"[", b"{")
    if body.count(opening[0]) + body.count(opening[1]) <= MOST_LEVELS:
        return True
    encoded = body.encode("utf-8", "replace") if isinstance(body, str) else bytes(body)
    brackets = encoded.translate(None, _NOT_BRACKETS)
    for level in range(MOST_LEVELS):
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(fewer) == len(brackets):
            return level + len(fewer) <= MOST_LEVELS
        brackets = fewer
    return False


def _levels_exceed(roots: list[Any]) -> bool:
    """Say whether there are too many levels; each thing is looked at once, as in YAML one may hold itself."""
    seen: set[int] = set()
    level = roots
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if outer.__class__ is dict else outer)
            if inner.__class__ in _CONTAINERS and id(inner) not in seen
        ]
        if not level:
            return False
        seen.update(map(id, level))
    return True
