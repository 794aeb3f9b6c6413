"""Whether edits come out exactly as asked: the changed text is read again and compared with what was there before."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Union

from allotment.errors import FileInvalid
from allotment.rules.rule import Edit
from allotment.source.document import Document, Path
from allotment.source.yaml_text import read_document

Asked = dict[str | int, Union["Asked", Edit]]
"""Edits by the steps of their paths."""


class _EveryVariable(dict[str, str]):
    """An environment that has every variable: where values stand does not depend on what they are."""

    def get(self, key: str, _: object = None) -> str:
        """Give any text."""
        return key


def read_alone(text: str, file: str) -> Document | None:
    """Read a text as YAML, without the files it includes; None where it cannot be read."""
    try:
        return read_document(text, file, _EveryVariable())
    except FileInvalid:
        return None


def is_json(text: str) -> bool:
    """Say whether a text is JSON, which is YAML too and must stay JSON."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return False
    try:
        json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True


def put_among(asked: Asked, edit: Edit) -> bool:
    """Put an edit among others; False where it, or one above or below it, is there with something else."""
    inner: Asked = asked
    for step in edit.path[:-1]:
        below = inner.setdefault(step, {})
        if isinstance(below, Edit):
            return False
        inner = below
    return bool(edit.path) and inner.setdefault(edit.path[-1], edit) == edit


def came_out(before: Document, after: Document, edits: Iterable[Edit]) -> bool:
    """Say whether the values are as before but for what the edits ask, also where an alias shows them once more."""
    asked: Asked = {}
    if not all(put_among(asked, edit) for edit in edits):
        return False
    if is_json(before.text) and not is_json(after.text):
        return False
    return _Comparison().as_asked(before.root, after.root, asked)


class _Comparison:
    """Compares values; what is shared by aliases is compared once."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], bool] = {}
        self._values: dict[str, Document | None] = {}

    def as_asked(self, old: Any, new: Any, asked: Asked) -> bool:
        """Say whether a value differs from the old one as asked, and nowhere else."""
        if isinstance(old, list):
            return (
                isinstance(new, list)
                and len(old) == len(new)
                and asked.keys() <= set(range(len(old)))
                and all(self._step(dict(enumerate(old)), dict(enumerate(new)), key, asked) for key in range(len(old)))
            )
        old, new = _mapping(old), _mapping(new)
        if old is None or new is None or [key for key in old if key in new] != [key for key in new if key in old]:
            return False
        return all(self._step(old, new, key, asked) for key in old.keys() | new.keys() | asked.keys())

    def _step(self, old: Mapping[Any, Any], new: Mapping[Any, Any], key: str | int, asked: Asked) -> bool:
        there = asked.get(key)
        if isinstance(there, Edit):
            if there.value is None:
                return key not in new
            return key in new and self._is(there.value, new[key])
        if key in old and key not in new:
            return False
        if there is not None:
            return self.as_asked(old.get(key), new.get(key), there)
        return key in old and self._same(old[key], new[key])

    def _is(self, text: str, value: Any) -> bool:
        if text not in self._values:
            self._values[text] = read_alone(text, "")
        document = self._values[text]  # kept, as its values are known by identity
        return document is not None and self._same(document.root, value)

    def _same(self, old: Any, new: Any) -> bool:
        if not isinstance(old, (dict, list)) or type(old) is not type(new):
            nothing = all(value is None or value == {} for value in (old, new))
            return nothing or (type(old) is type(new) and bool(old == new))
        pair = (id(old), id(new))
        if pair not in self._seen:
            self._seen[pair] = self._same_inside(old, new)
        return self._seen[pair]

    def _same_inside(self, old: Any, new: Any) -> bool:
        if isinstance(old, dict):
            return list(old) == list(new) and all(self._same(old[key], new[key]) for key in old)
        return len(old) == len(new) and all(self._same(one, other) for one, other in zip(old, new, strict=True))


def _mapping(value: Any) -> dict[str, Any] | None:
    """Give a mapping, an empty one for nothing; None where it is something else."""
    return {} if value is None else value if isinstance(value, dict) else None


def container(document: Document, path: Path) -> int:
    """Give the identity of the innermost mapping or list that there is on a path: aliases share it."""
    value = document.root
    for step in path[:-1]:
        inner = value.get(step) if isinstance(value, dict) else None
        if not isinstance(inner, (dict, list)):
            break
        value = inner
    return id(value)
