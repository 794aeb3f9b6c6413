"""How deep a message may be nested."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Message

from allotment.engine.guard.nesting import MOST_LEVELS, is_deep

TEXTS = st.text('[]{}\\"a', max_size=400)


def message(body: str | bytes, **options: Any) -> Message:
    """Make a message as it arrives."""
    return Message(body, content_type="application/json", content_encoding="utf-8", **options)


def nested(levels: int, inner: Any, kind: str) -> Any:
    """Wrap a value into so many lists, mappings, or both in turn."""
    for level in range(levels):
        inner = {"[": inner} if kind == "mappings" or (kind == "both" and level % 2) else [inner]
    return inner


@given(
    levels=st.integers(0, 8) | st.integers(MOST_LEVELS - 4, MOST_LEVELS + 4),
    text=TEXTS,
    width=st.integers(0, 300),
    kind=st.sampled_from(["lists", "mappings", "both"]),
    encoded=st.booleans(),
)
def test_as_many_levels_as_there_are(levels: int, text: str, width: int, kind: str, encoded: bool) -> None:
    """Whatever brackets stand in its texts, and however many lists stand beside each other."""
    payload = [[nested(levels, text, kind), [[]] * width], {}, {}]
    body = json.dumps(payload)
    found = is_deep(message(body.encode() if encoded else body), payload)
    assert found == (levels + 2 > MOST_LEVELS)


@pytest.mark.parametrize("place", ["headers", "properties"])
def test_headers_and_properties_count_too(place: str) -> None:
    for levels, deep in ((MOST_LEVELS - 1, False), (MOST_LEVELS + 1, True)):
        assert is_deep(message("[]", **{place: {"own": nested(levels, 1, "both")}}), []) is deep


def test_what_holds_itself_comes_to_an_end() -> None:
    payload: list[Any] = []
    payload.append(payload)
    assert not is_deep(Message(b"", content_type="application/x-yaml"), payload)
