"""Names of workers that were given none, or one without a host."""

import os

import pytest

from allotment.backends import naming
from allotment.backends.naming import full_name, usual_name
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


def test_a_name_tells_what_was_asked_for() -> None:
    assert usual_name("gpu", None, ("a",), None) == "gpu-1@local"
    assert usual_name("gpu", "server-1", None, None) == "gpu-1@server-1"
    assert usual_name(None, None, ("a", "b"), ("q",)) == f"a+b@{HOST}"
    assert usual_name(None, None, None, ("q",)) == f"q@{HOST}"
    assert usual_name(None, None, ("a.*", "b"), None) == f"a.all+b@{HOST}"
    assert usual_name(None, None, ("a.[bc]*", "b"), None) == f"2-tasks@{HOST}"
    assert usual_name(None, None, tuple(map(str, range(90))), None) == f"90-tasks@{HOST}"
    assert usual_name(None, None, None, None) == f"worker@{HOST}"


def test_the_node_of_a_fleet_without_nodes_is_called_the_same_everywhere() -> None:
    assert naming.LOCAL == node.LOCAL
