"""`idempotent:` of a task's entry: what it may be, and what is told where it may not."""

from pathlib import Path

import pytest

from allotment.errors import FileInvalid
from allotment.model.idempotency import Idempotency
from allotment.source.fleet_file import read_fleet_file

PROFILES = "profiles: {work: {queues: [work]}}\n"


def said(folder: Path, value: str) -> Idempotency | None:
    path = folder / "fleet.yaml"
    path.write_text(f"tasks:\n  charge: {{queue: work, idempotent: {value}}}\n{PROFILES}")
    return read_fleet_file(path, {}).model.entries[0].idempotent


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("order", Idempotency(("order",), 86_400, 30)),
        ("id", Idempotency((), 86_400, 30)),
        ("{key: order}", Idempotency(("order",), 86_400, 30)),
        ("{key: id, keep: 7d}", Idempotency((), 7 * 86_400, 30)),
        ("{key: [id]}", Idempotency(("id",), 86_400, 30)),
        ("{key: [customer, order], keep: 90, lease: 1s}", Idempotency(("customer", "order"), 90, 1)),
        ("", None),
    ],
)
def test_it_is_read(tmp_path: Path, value: str, expected: Idempotency | None) -> None:
    assert said(tmp_path, value) == expected


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("{keep: 1d}", "'key' is missing"),
        ("{key: []}", "the list is empty"),
        ("{key: [order, order]}", "listed twice"),
        ("{key: order.id}", "is not an argument's name"),
        ("{key: 7}", "is not text"),
        ("[order]", "is not a mapping"),
        ("{key: order, keep: 0}", "more than nothing"),
        ("{key: order, lease: 500ms}", "too short for a lease"),
        ("{key: order, least: 5s}", "unknown key 'least'"),
    ],
)
def test_what_it_cannot_be_is_told(tmp_path: Path, value: str, told: str) -> None:
    with pytest.raises(FileInvalid, match=told) as caught:
        said(tmp_path, value)
    assert caught.value.where is not None
    assert caught.value.where.line == 2
