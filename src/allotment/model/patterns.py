"""Task names and patterns, matched as Celery's `task_routes` matches them.

A key is a pattern only if it holds a `*`; then it is a shell-style pattern (`celery/app/routes.py`, `MapRoute`).
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

Value = TypeVar("Value")

_SIGN = re.compile(r"\[(!?)(.)[^\]]*\]|[*?]")
_WILD = re.compile(r"[*?\[]")


def is_pattern(key: str) -> bool:
    """Say whether Celery would take this key for a pattern."""
    return "*" in key


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def matches(key: str, name: str) -> bool:
    """Say whether the key, exact or a pattern, names this task."""
    return bool(_compiled(key).match(name)) if is_pattern(key) else key == name


def sample(key: str, filler: str) -> str:
    """Give a name that the key matches, with `filler` where any text or any sign will do."""
    if not is_pattern(key):
        return key
    return _SIGN.sub(lambda found: filler if found[1] else found[2] or filler, key)


class PatternIndex(Generic[Value]):
    """Keys with a value each; finds those that match a name without trying them all.

    Patterns are filed under the text before their first wildcard, so a name is only tried against patterns that begin
    as it does.
    """

    def __init__(self, entries: Iterable[tuple[str, Value]]) -> None:
        self._exact: dict[str, list[Value]] = {}
        self._filed: dict[str, list[tuple[int, re.Pattern[str] | None, Value]]] = {}
        for order, (key, value) in enumerate(entries):
            if is_pattern(key):
                prefix = key[: _first_wildcard(key)]
                # `shop.*` matches whatever begins with `shop.`: no need to ask the pattern again
                pattern = None if key == prefix + "*" else _compiled(key)
                self._filed.setdefault(prefix, []).append((order, pattern, value))
            else:
                self._exact.setdefault(key, []).append(value)
        self._lengths = sorted({len(prefix) for prefix in self._filed})

    def exact(self, name: str) -> list[Value]:
        """Give the values whose key is this very name, in order."""
        return self._exact.get(name, [])

    def by_pattern(self, name: str) -> list[tuple[int, Value]]:
        """Give the values whose pattern matches the name, each with its place in the order given, unsorted."""
        return list(self._by_pattern(name))

    def _by_pattern(self, name: str) -> Iterator[tuple[int, Value]]:
        filed = self._filed
        for length in self._lengths:
            if length > len(name):
                return
            for order, pattern, value in filed.get(name[:length], ()):
                if pattern is None or pattern.match(name):
                    yield order, value

    def first(self, name: str) -> Value | None:
        """Give the value that decides: an exact key beats patterns, patterns are tried in order."""
        exact = self._exact.get(name)
        if exact:
            return exact[0]
        return min(self._by_pattern(name), key=lambda found: found[0], default=(0, None))[1]

    def all(self, name: str) -> list[Value]:
        """Give every value whose key matches the name."""
        return self._exact.get(name, []) + [value for _, value in self._by_pattern(name)]


def _first_wildcard(key: str) -> int:
    found = _WILD.search(key)
    return found.start() if found else len(key)
