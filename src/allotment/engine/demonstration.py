"""The six topologies, run for real: what is submitted to each, and what must be seen."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.engine.workflow import RunReport, report, run, submit, wait
from allotment.errors import PublishRefused, UnknownName
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.model.inventory import Inventory
from allotment.plan.plan import Plan
from allotment.source.expression import read_expression
from allotment.source.fleet_file import FleetFile, read_fleet_file

WORKFLOWS = 20
WHOLE = read_expression("A | B | C | D | E")
ONE = read_expression("A")
TIMEOUT = 60.0

_WAITING = 500
_BALANCED = 1000
_SAMPLES = 9
_HIGHEST_RATIO = 1.3
_EVEN = (0.4, 0.6)
# what is timed is the waiting in queues: with longer tasks the processors that both workers share count for less
_SLOWER = {"LETTERS_SECONDS": "0.03"}


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be seen, what was seen, and whether it holds."""

    what: str
    seen: str
    holds: bool


@dataclass(frozen=True)
class Demonstrated:
    """The outcome of one topology: its main run, further runs by title, and what must be seen."""

    name: str
    plan: Plan
    main: RunReport
    more: Mapping[str, RunReport]
    checks: tuple[Check, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether every workflow finished, every task ran where predicted, and every check holds."""
        return all(one.complete for one in (self.main, *self.more.values())) and all(
            check.holds for check in self.checks
        )


@dataclass(frozen=True, slots=True)
class Topology:
    """A topology's file name, what it shows, the queue its workflows are sent to, and what else is done with it."""

    name: str
    title: str
    further: Callable[[Celery, RunReport], tuple[dict[str, RunReport], tuple[Check, ...]]]
    queue: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def demonstrate(topology: Topology, folder: Path, environment: Mapping[str, str]) -> Demonstrated:
    """Start the topology's fleet, run its workflows and check what is to be seen; stop the fleet."""
    file = read_fleet_file(folder / f"{topology.name}.yaml", environment)
    app = _client(file)
    began = time.monotonic()
    with RunningFleet(file.path, environment={**environment, **topology.environment}):
        main = run(app, WHOLE, WORKFLOWS, topology.queue, timeout=TIMEOUT)
        more, checks = topology.further(app, main)
        close(app)
    return Demonstrated(topology.name, app.allotment.plan, main, more, checks, time.monotonic() - began)


def app_inventory(file: FleetFile) -> Inventory:
    """Find the tasks of the topology's app. Raises UnknownName where the file names none."""
    if file.model.app is None:
        raise UnknownName(f"the topology {file.path} names no app", hint="add app: module:attribute")
    return read_inventory(file.model.app, file.path.parent)


def _client(file: FleetFile) -> Celery:
    """Give an app of our own that sends by the plan: the topologies' own app stays untouched from one to the next."""
    inventory = app_inventory(file)
    app = Celery("demonstration", set_as_current=False)
    install(file, app, inventory.tasks)
    keep_results_quiet(app)
    return app


def _basic(_: Celery, main: RunReport) -> tuple[dict[str, RunReport], tuple[Check, ...]]:
    processes = len({(mark.worker, mark.pid) for mark in main.marks})
    return {}, (Check("several pool processes take part", f"{processes} processes", processes > 1),)


def _nothing_more(_: Celery, __: RunReport) -> tuple[dict[str, RunReport], tuple[Check, ...]]:
    return {}, ()


def _priority(app: Celery, _: RunReport) -> tuple[dict[str, RunReport], tuple[Check, ...]]:
    """Time single high workflows with nothing waiting, then with many normal tasks waiting."""
    alone = _one_workflow(app)
    began, began_clock = time.monotonic(), time.time()
    waiting = submit(app, ONE, _WAITING, "normal")
    loaded = _one_workflow(app)
    still = sum(1 for result in waiting if not result.ready())
    wait(waiting, TIMEOUT, None)
    normal = report(app, waiting, began, began_clock)
    ratio = loaded / alone
    checks = (
        Check(
            f"a high workflow takes no longer while {_WAITING} normal tasks wait",
            f"{1000 * loaded:.0f} ms ÷ {1000 * alone:.0f} ms = {ratio:.2f}"
            f" (medians of {_SAMPLES}, at most {_HIGHEST_RATIO})",
            ratio <= _HIGHEST_RATIO,
        ),
        Check("normal tasks still waited when the last was timed", f"{still} of {_WAITING}", still > 0),
    )
    return {f"{_WAITING} normal tasks": normal}, checks


def _one_workflow(app: Celery) -> float:
    """Give the median time of single workflows on the high queue, in seconds."""
    times = []
    for _ in range(_SAMPLES):
        began = time.monotonic()
        wait(submit(app, WHOLE, 1, "high"), TIMEOUT, None)
        times.append(time.monotonic() - began)
    return statistics.median(times)


def _balanced(app: Celery, _: RunReport) -> tuple[dict[str, RunReport], tuple[Check, ...]]:
    equal = run(app, ONE, _BALANCED, timeout=TIMEOUT)
    shares = Counter(mark.worker.partition("@")[2] for mark in equal.marks)
    low, high = _EVEN
    even = len(shares) > 1 and all(low <= count / _BALANCED <= high for count in shares.values())
    seen = ", ".join(f"{node} {100 * count / _BALANCED:.1f} %" for node, count in sorted(shares.items()))
    return {f"{_BALANCED} equal tasks": equal}, (Check("each node takes 40 to 60 % of equal work", seen, even),)


def _mixed(app: Celery, _: RunReport) -> tuple[dict[str, RunReport], tuple[Check, ...]]:
    whole = run(app, WHOLE, WORKFLOWS, "queue_2", timeout=TIMEOUT)
    on_second = all(mark.worker.endswith("@node-2") for mark in whole.marks)
    try:
        submit(app, read_expression("D"), 1, "queue_1")
        refusal = None
    except PublishRefused as error:
        refusal = str(error)
    checks = (
        Check("the whole workflow by queue_2 runs on node 2", "it does" if on_second else "it does not", on_second),
        Check("D by queue_1 is refused when published", refusal or "it was sent", refusal is not None),
    )
    return {"the whole workflow by queue_2": whole}, checks


def _shared(app: Celery, _: RunReport) -> tuple[dict[str, RunReport], tuple[Check, ...]]:
    return {"the whole workflow by queue_2": run(app, WHOLE, WORKFLOWS, "queue_2", timeout=TIMEOUT)}, ()


TOPOLOGIES = (
    Topology("basic", "one node, one queue, every task", _basic),
    Topology("specialized", "one queue, two nodes that register different tasks", _nothing_more),
    Topology("priority", "two workers on one node, a normal and a high queue", _priority, "high", _SLOWER),
    Topology("load-balancing", "two equal nodes on one queue", _balanced),
    Topology("mixed", "queue 1 to a node with A, B, C; queue 2 to a node with all", _mixed),
    Topology("mixed-shared", "as mixed, and both nodes consume both queues", _shared),
)
