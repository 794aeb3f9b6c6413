"""The fuzz target of the fleet file: whatever its bytes are, it is read, or refused with errors of ours.

The corpus is every fleet file of the tests and the examples, and those of `fixtures/hostile`.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allotment.errors import FileInvalid
from allotment.model.task import KnownTask
from allotment.plan.celeryconfig import celeryconfig
from allotment.plan.commands import commands
from allotment.plan.mermaid import mermaid
from allotment.plan.page import markdown
from allotment.plan.plan import compile_plan
from allotment.plan.proof import prove
from allotment.source.fleet_file import read_fleet_file

TESTS = Path(__file__).parent.parent
HOSTILE = sorted((TESTS / "fixtures" / "hostile").glob("*.yaml"))
HONEST = [
    path
    for folder in ("fixtures/fleets", "fixtures/rules", "fixtures/projects", "fixtures/shapes", "../examples")
    for path in sorted((TESTS / folder).rglob("*.yaml"))
]
PIECES = (
    b"&a ", b"*a", b"!!python/name:os.system ", b"<<: ", b"? ", b"- ", b": ", b"{", b"}", b"[", b"]", b"\n", b"\t",
    b"\x00", b"\xe2\x80\xae", b"${X}", b"${X:-", b"#", b"---\n", b"'", b'"', b"|\n", b"9" * 40, b"1e400", b"~",
    b"true", b"../x", b"include: [a]\n", b"*", b"x" * 300, b"\xff",
)  # fmt: skip
ENVIRONMENT = {"HOME": "/", "X": "a: b\n"}


def fuzz(data: bytes, folder: Path) -> None:
    """Read data as a fleet file and write what follows from it. Raises what it should not."""
    file = folder / "fleet.yaml"
    file.write_bytes(data)
    try:
        model = read_fleet_file(file, ENVIRONMENT).model
    except FileInvalid as refused:
        for problem in refused.problems:
            assert problem.code
            assert problem.message
            assert problem.where is None or problem.where.line is None or problem.where.line > 0
        return
    tasks = tuple(KnownTask(entry.key) for entry in model.entries if "*" not in entry.key)
    plan = compile_plan(model, tasks)
    prove(plan)
    for write in (celeryconfig, commands, mermaid, markdown):
        assert write(plan)


def mutated(data: bytes, changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Give data with pieces put in and stretches taken out; places are counted round."""
    for place, taken, piece in changes:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + taken :]
    return data


changes = st.lists(
    st.tuples(
        st.integers(0, 2**16),
        st.sampled_from((0, 0, 1, 3, 20)),
        st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("path", [*HOSTILE, *HONEST], ids=lambda path: path.relative_to(TESTS.parent).as_posix())
def test_the_corpus(path: Path, tmp_path: Path) -> None:
    fuzz(path.read_bytes(), tmp_path)


@given(path=st.sampled_from([*HOSTILE, *HONEST]), changes=changes)
@settings(max_examples=int(os.environ.get("FUZZ", "400")), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_that_were_damaged(path: Path, changes: list[tuple[int, int, bytes]], tmp_path: Path) -> None:
    fuzz(mutated(path.read_bytes(), changes), tmp_path)


@given(data=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(data: bytes, tmp_path: Path) -> None:
    fuzz(data, tmp_path)
