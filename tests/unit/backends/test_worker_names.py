"""Names of workers that were given none, or one without a host."""

import os
from pathlib import Path

import pytest

from allotment.backends import naming
from allotment.backends.naming import Selection, full_name, heartbeat_name, usual_name
from allotment.model import node

HOST = os.uname().nodename


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("files", f"files@{HOST}"),
        ("files@here", "files@here"),
        ("files@%h", f"files@{HOST}"),
        ("%h-files@x", f"{HOST}-files@x"),
        ("100%%@x", "100%@x"),
        ("100%%h@x", "100%h@x"),
    ],
)
def test_a_name_has_a_host(name: str, expected: str) -> None:
    assert full_name(name) == expected


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(("a",), profile="gpu"), "gpu-1@local"),
        (Selection(profile="gpu", node="server-1"), "gpu-1@server-1"),
        (Selection(("a", "b"), queues=("q",)), f"a+b@{HOST}"),
        (Selection(queues=("q",)), f"q@{HOST}"),
        (Selection(("a.*", "b")), f"a.all+b@{HOST}"),
        (Selection(("a.[bc]*", "b")), f"2-tasks@{HOST}"),
        (Selection(tuple(map(str, range(90)))), f"90-tasks@{HOST}"),
        (Selection(), f"worker@{HOST}"),
        (Selection(exclude_tasks=("a", "b")), f"all-but-a+b@{HOST}"),
        (Selection(queues=("q",), exclude_tasks=("a",)), f"q-but-a@{HOST}"),
    ],
)
def test_a_name_tells_what_was_asked_for(selection: Selection, expected: str) -> None:
    assert usual_name(selection) == expected


def file_of(
    selection: Selection, app: str = "", file: str | None = None, folder: str = "/srv", name: str | None = None
) -> str:
    return heartbeat_name(selection, app=app, file=Path(file) if file else None, folder=Path(folder), name=name)


def test_a_heartbeat_file_is_apart_for_whatever_was_asked_for_in_other_words() -> None:
    gpu = Selection(profile="gpu")
    files = [
        file_of(gpu),
        file_of(gpu, app="shop:app"),
        file_of(gpu, folder="/opt"),
        file_of(gpu, file="fleet.yaml"),
        file_of(gpu, file="other.yaml"),
        file_of(Selection(profile="gpu", node="local")),
        file_of(Selection(profile="gpu", exclude_tasks=("a",))),
        file_of(Selection(("a", "b"))),
        file_of(Selection(("a", "b"), queues=("q",))),
        file_of(Selection(("a", "b"), within=(("a",),))),
        file_of(Selection(("a+b",))),
        file_of(Selection(), name="one"),
        file_of(Selection(), name="one", folder="/opt"),
    ]
    assert len(set(files)) == len(files), files
    assert file_of(gpu, file="../etc/fleet.yaml") == file_of(gpu, file="/etc/fleet.yaml", folder="/opt")


def test_a_worker_with_a_name_of_its_own_is_found_by_it_from_its_folder() -> None:
    assert file_of(Selection(("a",)), app="shop:app", file="x.yaml", name="one") == file_of(Selection(), name="one")


def test_the_node_of_a_fleet_without_nodes_is_called_the_same_everywhere() -> None:
    assert naming.LOCAL == node.LOCAL
