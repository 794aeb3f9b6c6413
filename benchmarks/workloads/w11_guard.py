"""What the guard costs a worker: short tasks with it and with Celery's own consumer."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from celery import Celery

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer, RedisServer
from benchmarks.figures import Figure, Target, compared, timed

FLEET = Path(__file__).with_name("guard_fleet.yaml")
FOLDER = Path(__file__).parents[2]
RUNS = 15
TASKS = 2000
COST = Target(1.02)


def measure() -> Iterator[Figure]:
    """Measure with messages at Redis and at RabbitMQ; results are at the same Redis."""
    with TemporaryDirectory() as folder, RedisServer() as store:
        fleet = Path(shutil.copy(FLEET, folder))
        yield from _measured(fleet, "redis", store.url, store.url[:-1] + "1")
        with RabbitServer() as rabbit:
            yield from _measured(fleet, "rabbitmq", rabbit.url, store.url[:-1] + "2")


def _measured(fleet: Path, name: str, broker: str, results: str) -> Iterator[Figure]:
    environment = {"BROKER_URL": broker, "RESULT_URL": results}
    file = read_fleet_file(fleet, environment)
    app = Celery("client", set_as_current=False)
    install(file, app, read_inventory("benchmarks.guard_app:app", FOLDER).tasks)
    keep_results_quiet(app)
    path = f"{FOLDER}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    queues = ("unguarded", "guarded")
    with RunningFleet(fleet, environment={**environment, "PYTHONPATH": path}):
        for queue in queues:
            _drained(app, queue)
        runs: dict[str, list[float]] = {queue: [] for queue in queues}
        for number in range(RUNS):
            for queue in queues if number % 2 else reversed(queues):
                runs[queue].append(_drained(app, queue))
        close(app)
    yield timed(f"{TASKS} short tasks with Celery's consumer, {name}", runs["unguarded"])
    yield compared(f"with the guard over without, {name}", runs["guarded"], runs["unguarded"], COST)


def _drained(app: Celery, queue: str) -> float:
    """Time so many tasks in one pool process, from a task before them to one after, both of which tell the time."""
    worker = [f"{queue}-1@local"]
    app.control.cancel_consumer(queue, destination=worker, reply=True, timeout=10, limit=1)
    before = app.send_task("clock", queue=queue)
    for number in range(TASKS):
        app.send_task("short", args=[number], queue=queue, ignore_result=True)
    after = app.send_task("clock", queue=queue)
    app.control.add_consumer(queue, destination=worker, reply=True, timeout=10, limit=1)
    return float(after.get(timeout=120) - before.get(timeout=1))
