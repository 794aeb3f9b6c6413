"""Hostile fleet files as they are typed: refused with their line, at little cost, and nothing in them is run.

What a command used is what the kernel counted for its process (getrusage(2)), so a busy machine changes nothing.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from acceptance.conftest import clean_environment

HOSTILE = Path(__file__).parent.parent / "fixtures" / "hostile"
MOST_SECONDS = 3.0
"""Of processor time. One is promised on a machine of today; what a limit that is missing costs is worse than three."""
MOST_BYTES = 200 * 2**20
PROFILE = "profiles: {all: {queues: [work]}}\n"

LARGE: dict[str, tuple[Callable[[], str], str]] = {
    "100 MB": (lambda: "a: 1\n" * 20_000_000, "larger than a fleet file"),
    "ten million digits": (
        lambda: PROFILE + "visibility_timeout: " + "9" * 10**7 + "\n",
        ":2:21: a number of 10000000",
    ),
    "a deep one": (lambda: "profiles: " + "[" * 10**6, ":1:42: nested more than"),
    "many lists": (lambda: "profiles: [" + "[]," * 4_000_000 + "]", "more values than"),
    "many keys": (lambda: "".join(f"k{number}: 1\n" for number in range(1_000_000)), "more values than"),
    "many mistakes": (
        lambda: PROFILE + "".join(f"k{number}: 1\n" for number in range(20_000)),
        ":2:1: unknown key 'k0'",
    ),
    "a long key": (lambda: "? " + "a" * 10**7 + "\n: 1\n", ":1:3: a key of 10000000"),
    "references without an end": (lambda: PROFILE + "app: '" + "${A:-" * 10**6 + "'\n", ":2:6: "),
    "empty lines": (lambda: "\n" * 10**7 + "x: 1\n", ":10000001:1: unknown key"),
}


LAUNCHER = """
import json, pathlib, resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
pathlib.Path(sys.argv[1]).write_text(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""A process counts as large as the one it was forked from was: this one is small."""


@dataclass(frozen=True)
class Used:
    """A command that has ended: its exit code, what it printed, seconds of processor time and bytes of memory."""

    code: int
    output: str
    seconds: float
    bytes: int


def use(command: str, file: Path) -> Used:
    """Run a command of allot on a file."""
    output, counted = file.parent / "output", file.parent / "counted"
    arguments = (sys.executable, "-m", "allotment", command, "--fleet", str(file))
    with output.open("wb") as stream:
        subprocess.run(
            [sys.executable, "-c", LAUNCHER, str(counted), *arguments],
            cwd=file.parent, env=clean_environment(), stdout=stream, stderr=stream, check=True, timeout=120,
        )  # fmt: skip
    code, seconds, largest = json.loads(counted.read_text())
    kilobytes = 1 if sys.platform == "darwin" else 1024
    return Used(code, output.read_text(errors="replace"), seconds, largest * kilobytes)


@pytest.mark.parametrize("name", list(LARGE))
def test_a_large_file(name: str, tmp_path: Path) -> None:
    text, words = LARGE[name]
    file = tmp_path / "fleet.yaml"
    file.write_text(text())
    used = use("check", file)
    assert used.code == 2, used.output[:2000]
    assert words in used.output[:4000]
    assert "Traceback" not in used.output
    assert len(used.output) < 100_000
    assert used.seconds <= MOST_SECONDS
    assert used.bytes <= MOST_BYTES


@pytest.mark.parametrize("path", sorted(HOSTILE.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("command", ["check", "plan", "up"])
def test_a_hostile_file(path: Path, command: str, tmp_path: Path) -> None:
    file = tmp_path / path.name
    file.write_bytes(path.read_bytes())
    used = use(command, file)
    assert used.code == 2, used.output[:2000]
    assert used.output.startswith("error: ")
    assert path.name in used.output.partition("\n")[0]
    assert "Traceback" not in used.output
    assert not {"\x1b", "\x00", "\u202e"} & set(used.output)
    assert used.seconds <= MOST_SECONDS
    assert used.bytes <= MOST_BYTES
    assert not (tmp_path / "canary").exists()
