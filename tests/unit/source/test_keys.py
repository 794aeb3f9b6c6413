"""The JSON Schema: valid, explained, and of one mind with the reader."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from allotment.source.keys import FLEET, json_schema
from allotment.source.kinds import Key, Kind, ListOf, MappingOf, Rejected, Section

FLEETS = Path(__file__).parents[2] / "fixtures" / "fleets"

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def described(schema: Any, way: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every property of a schema, wherever it is nested, with the way to it."""
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield f"{way}.{name}".lstrip("."), inner
            yield from described(inner, f"{way}.{name}".lstrip("."))
        for part in ("items", "additionalProperties"):
            yield from described(schema.get(part), way)
        for choice in schema.get("anyOf", ()):
            yield from described(choice, way)


def keys(kind: Kind, way: str = "") -> Iterator[tuple[str, Key]]:
    """Give every key of the table, wherever it is nested, with the way to it."""
    match kind:
        case Section(keys=inner):
            for name, key in inner.items():
                yield f"{way}.{name}".lstrip("."), key
                yield from keys(key.kind, f"{way}.{name}".lstrip("."))
        case ListOf(kind=inner_kind) | MappingOf(kind=inner_kind):
            yield from keys(inner_kind, way)


PROPERTIES = list(described(SCHEMA))
KEYS = list(keys(FLEET))


def example() -> Any:
    return yaml.safe_load((FLEETS / "shop.yaml").read_text())


def test_the_schema_is_valid_and_says_its_draft() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_the_schema_has_every_key_of_the_table() -> None:
    assert [way for way, _ in PROPERTIES] == [way for way, _ in KEYS]
    assert {"profiles.requires.mounts.path", "tasks.delivery", "nodes.workers", "queues.when_full"} <= {
        way for way, _ in KEYS
    }


@pytest.mark.parametrize(("way", "schema"), PROPERTIES, ids=[way for way, _ in PROPERTIES])
def test_every_key_is_described_with_an_example_of_its_own_kind(way: str, schema: dict[str, Any]) -> None:
    assert len(schema["description"]) > 10
    assert schema["examples"]
    for value in schema["examples"]:
        Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize(("way", "key"), KEYS, ids=[way for way, _ in KEYS])
def test_every_example_is_one_that_the_reader_takes(way: str, key: Key) -> None:
    read = key.kind.read(key.example)
    assert read or read is False


def test_the_example_file_validates() -> None:
    VALIDATOR.validate(example())


def every_mapping(value: Any, schema: Any) -> Iterator[dict[str, Any]]:
    """Give each mapping of the example that has fixed keys."""
    if isinstance(value, dict):
        if schema is FLEET or isinstance(schema, Section):
            yield value
            for name, inner in value.items():
                yield from every_mapping(inner, schema.keys[name].kind)
        elif isinstance(schema, MappingOf):
            for inner in value.values():
                yield from every_mapping(inner, schema.kind)


@pytest.mark.parametrize("place", range(len(list(every_mapping(example(), FLEET)))))
def test_an_unknown_key_anywhere_fails_in_the_schema_and_in_the_reader(place: int) -> None:
    changed = example()
    list(every_mapping(changed, FLEET))[place]["unheard_of"] = 1
    assert not VALIDATOR.is_valid(changed)
    with pytest.raises(Rejected) as caught:
        FLEET.read(changed)
    assert [fault.code for fault in caught.value.faults] == ["unknown-key"]


@pytest.mark.parametrize(
    "change",
    [
        {"profiles": []},
        {"profiles": {"a": {"queues": "work"}}},
        {"profiles": {"a": {"queues": ["a", "a"]}}},
        {"profiles": {"a": {"queues": ["a;b"]}}},
        {"profiles": {"a": {"concurrency": 0}}},
        {"profiles": {"a": {"concurrency": "4"}}},
        {"profiles": {"a": {"concurrency": True}}},
        {"profiles": {"a": {"pool": "fork"}}},
        {"profiles": {"a": {"time_limit": [1]}}},
        {"profiles": {"a": {"autoscale": {"min": 1}}}},
        {"profiles": {"a": {"requires": {"mounts": [{"writable": True}]}}}},
        {"profiles": {"a": {"requires": {"mounts": [{"path": "/a", "writable": "yes"}]}}}},
        {"tasks": {"a": {"delivery": "twice"}}},
        {"tasks": {"a": {"idempotent": ["order", "day"]}}},
        {"queues": {"a": {"when_full": "drop"}}},
        {"nodes": {"n": {}}},
        {"nodes": {"n": {"workers": {"a": -1}}}},
        {"app": 1},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    changed = copy.deepcopy(example()) | change
    assert not VALIDATOR.is_valid(changed)
    with pytest.raises(Rejected):
        FLEET.read(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"profiles": {"a": None}},
        {"tasks": {"a": None, "b": {}}},
        {"queues": {"a": None}},
        {"profiles": {"a": {"requires": {"mounts": ["/a", {"path": "/b", "mount_point": False}]}}}},
        {"profiles": {"a": {"time_limit": 90, "resources": {"cpu": 0.5, "memory": 1000}}}},
        {"nodes": {"n": {"workers": {"a": 0}}}},
    ],
    ids=str,
)
def test_the_schema_takes_what_the_reader_takes(change: dict[str, Any]) -> None:
    changed = copy.deepcopy(example()) | change
    VALIDATOR.validate(changed)
    assert FLEET.read(changed).keys() == changed.keys()
