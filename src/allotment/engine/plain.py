"""The same fleet as plain Celery: its queues, its workers' own tasks, no lanes and no guard. For comparison."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from celery import Celery

from allotment.engine.addresses import broker_url, results_url
from allotment.engine.client import close, keep_results_quiet
from allotment.engine.demonstration import WHOLE, WORKFLOWS, Topology, app_inventory
from allotment.engine.workflow import canvas, let_go, wait
from allotment.local.embedded import EmbeddedBroker
from allotment.local.state import StateFolder
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file

SETTINGS = "LETTERS_SETTINGS"
"""Names the settings of the plain app, as JSON: a worker must route what follows as the producer does."""
STALL = 4.0
"""Seconds without any progress after which the rest is taken for lost."""

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class PlainOutcome:
    """How many of the workflows finished under plain Celery, and how long was waited, in seconds."""

    workflows: int
    finished: int
    seconds: float


def demonstrate_plain(topology: Topology, folder: Path, environment: Mapping[str, str], app_name: str) -> PlainOutcome:
    """Run the topology's workflows with plain Celery workers of the app `app_name`, which imports no task by itself."""
    file = read_fleet_file(folder / f"{topology.name}.yaml", environment)
    inventory = app_inventory(file)
    plan = compile_plan(file.model, inventory.tasks)
    embedded = EmbeddedBroker(StateFolder.of(file.path, environment))
    if any(address is not None and address.embedded for address in (file.model.broker, file.model.results)):
        embedded.hold()
    urls = {
        "BROKER_URL": broker_url(file.model.broker, embedded) or "",
        "RESULT_URL": results_url(file.model.results, file.model.broker, embedded) or "",
    }
    settings = {
        "task_default_queue": file.model.default_queue or next(iter(file.model.queues)),
        "task_routes": {task.name: {"queue": task.queue} for task in plan.tasks.values() if task.queue},
    }
    app = Celery("plain", broker=urls["BROKER_URL"], backend=urls["RESULT_URL"], set_as_current=False)
    app.conf.update(settings)
    keep_results_quiet(app)
    modules = {name: inventory.modules_for(plan.registered_by(name)) for name in file.model.profiles}
    with _workers(plan, app_name, modules, {**environment, **urls, SETTINGS: json.dumps(settings)}, folder):
        _until_ready(app, len(plan.workers))
        began = time.monotonic()
        results = [canvas(app, WHOLE, topology.queue).apply_async() for _ in range(WORKFLOWS)]
        wait(results, timeout=60.0, stall=STALL)
        seconds = time.monotonic() - began
        finished = sum(1 for result in results if result.state == "SUCCESS")
        let_go(app, results)
    close(app)
    embedded.release()
    return PlainOutcome(WORKFLOWS, finished, seconds)


@contextmanager
def _workers(
    plan: Plan, app_name: str, modules: Mapping[str, frozenset[str]], environment: Mapping[str, str], folder: Path
) -> Iterator[None]:
    """Run a plain `celery worker` for each worker of the plan, on the queues of the file."""
    processes = []
    try:
        for worker in plan.workers:
            profile = plan.model.profiles[worker.profile]
            arguments = ["--quiet", "-A", app_name, "worker", "-n", worker.name, "-Q", ",".join(profile.queues)]
            arguments += ["-c", str(worker.concurrency or 2), "-I", ",".join(sorted(modules[worker.profile]))]
            arguments += ["--without-gossip", "--without-mingle", "--loglevel", "CRITICAL"]
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "celery", *arguments],
                    cwd=folder,
                    env={
                        **environment,
                        "PYTHONPATH": os.pathsep.join([str(folder), environment.get("PYTHONPATH", "")]),
                    },
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _until_ready(app: Celery, count: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if len(app.control.ping(timeout=0.5, limit=count) or []) >= count:
            return
    raise TimeoutError(f"{count} plain Celery workers did not answer within {_START_TIMEOUT:.0f} s")
