"""Run every rule over fleets of 1,000 and of 10,000 named tasks."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, Target, counted, timed
from benchmarks.large_fleet import Size, by_name
from benchmarks.machine import plain_environment, python

ROUNDS = 7
HERE = Path(__file__).parents[2]
SIZES = (
    (Size(1_000, queues=100, profiles=20, nodes=100), Target(0.5), None),
    (Size(10_000), None, Target(3.0)),
)


def measure() -> Iterator[Figure]:
    """Give the figures: the rules alone, and the whole check from reading the file."""
    with TemporaryDirectory() as folder:
        for size, for_rules, for_all in SIZES:
            fleet = Path(folder) / f"{size.tasks}.yaml"
            fleet.write_text(by_name(size), encoding="utf-8")
            runs = [_run(fleet) for _ in range(ROUNDS)]
            yield timed(f"rules over {size.tasks:,} tasks", [run["rules"] for run in runs], for_rules)
            yield timed(f"read, plan, prove and check {size.tasks:,} tasks", [run["whole"] for run in runs], for_all)
            yield counted(f"found in {size.tasks:,} tasks", runs[-1]["found"])
        yield counted("rules", runs[-1]["count"])


def _run(fleet: Path) -> dict[str, float]:
    """Check once in a process of its own, where nothing is remembered from a run before."""
    done = subprocess.run(
        python("-m", "benchmarks.timed_rules", str(fleet)),
        cwd=HERE,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    outcome: dict[str, float] = json.loads(done.stdout)
    return outcome
