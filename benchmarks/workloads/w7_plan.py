"""Plan and prove 10,000 tasks × 1,000 queues × 200 profiles × 1,000 nodes."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, Target, counted, timed
from benchmarks.large_fleet import Size, by_name, by_pattern, many_sets, task_names
from benchmarks.machine import plain_environment, python

TASKS = 10_000
FEW, MANY = 1_000, 100_000
SETS = (1_000, 3_000, 10_000)
ROUNDS = 7
FEWER_ROUNDS = 5
HERE = Path(__file__).parents[2]

PLAN_AND_PROVE = Target(1.0)
READ = Target(2.0)
FLAT = Target(1.3, 0.7)


@dataclass(frozen=True, slots=True)
class Case:
    """A fleet file and the names of its tasks, written down for processes to read."""

    fleet: Path
    names: Path


Run = dict[str, float]


def measure() -> Iterator[Figure]:
    """Give the figures."""
    with TemporaryDirectory() as folder:
        yield from _size_promised(Path(folder))
        yield from _growth(Path(folder))
        yield from _many_sets(Path(folder))


def _size_promised(folder: Path) -> Iterator[Figure]:
    size = Size(TASKS)
    names = task_names(size)
    named = _write(folder, "named", by_name(size), names)
    patterned = _write(folder, "patterned", by_pattern(size), names)
    rounds = [(_run(named), _run(patterned)) for _ in range(ROUNDS)]
    for label, runs in (
        ("each task named", [named for named, _ in rounds]),
        ("tasks by patterns", [patterned for _, patterned in rounds]),
    ):
        yield timed(f"plan and prove, {label}", [_plan_and_prove(run) for run in runs], PLAN_AND_PROVE)
        yield timed(f"  plan, {label}", [run["plan"] for run in runs])
        yield timed(f"  prove, {label}", [run["prove"] for run in runs])
        yield timed(f"read the file, {label}", [run["read"] for run in runs], READ)
    last = rounds[-1][0]
    for what, key in (
        ("capability sets", "sets"),
        ("queues whose lanes split", "split"),
        ("lanes", "lanes"),
        ("workers", "workers"),
        ("pairs of task and queue proved", "pairs"),
    ):
        yield counted(what, last[key])


def _growth(folder: Path) -> Iterator[Figure]:
    """The same fleet with more tasks; compared is what each task more costs, so that the fleet's own share is out."""
    cases = {
        tasks: _write(folder, f"growth-{tasks}", by_pattern(Size(tasks)), task_names(Size(tasks)))
        for tasks in (FEW, TASKS, MANY)
    }
    seconds: dict[int, list[float]] = {tasks: [] for tasks in cases}
    for _ in range(ROUNDS):
        for tasks, case in cases.items():
            seconds[tasks].append(_plan_and_prove(_run(case)))
    for tasks, each in seconds.items():
        yield timed(f"plan and prove, a task of {tasks:,}", [one / tasks for one in each])
    slopes = tuple(
        _each_more(TASKS, MANY, middle, most) / _each_more(FEW, TASKS, few, middle)
        for few, middle, most in zip(*seconds.values(), strict=True)
    )
    few, middle, most = (median(each) for each in seconds.values())
    value = _each_more(TASKS, MANY, middle, most) / _each_more(FEW, TASKS, few, middle)
    name = f"a task more: {TASKS:,} to {MANY:,} over {FEW:,} to {TASKS:,}"
    yield Figure(name, "×", value, slopes, FLAT)


def _each_more(tasks: int, more: int, seconds: float, longer: float) -> float:
    return (longer - seconds) / (more - tasks)


def _many_sets(folder: Path) -> Iterator[Figure]:
    size = Size(TASKS)
    for sets in SETS:
        case = _write(folder, f"sets-{sets}", many_sets(size, sets), task_names(size))
        runs = [_run(case) for _ in range(FEWER_ROUNDS)]
        yield timed(f"plan and prove, {runs[0]['sets']:,} capability sets", [_plan_and_prove(run) for run in runs])
        yield timed("  plan", [run["plan"] for run in runs])
        yield timed("  prove", [run["prove"] for run in runs])


def _write(folder: Path, name: str, text: str, names: list[str]) -> Case:
    case = Case(folder / f"{name}.yaml", folder / f"{name}.txt")
    case.fleet.write_text(text, encoding="utf-8")
    case.names.write_text("\n".join(names), encoding="utf-8")
    return case


def _run(case: Case) -> Run:
    """Read, plan and prove once in a process of its own, where nothing is remembered from a run before."""
    done = subprocess.run(
        python("-m", "benchmarks.timed_plan", str(case.fleet), str(case.names)),
        cwd=HERE,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    outcome: Run = json.loads(done.stdout)
    return outcome


def _plan_and_prove(run: Run) -> float:
    return run["plan"] + run["prove"]
