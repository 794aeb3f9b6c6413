"""What a task costs in a worker that is run once for each key, beside the plain one."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from celery import Celery

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer, RedisServer
from benchmarks.figures import Figure, compared, timed

FLEET = Path(__file__).with_name("once_fleet.yaml")
FOLDER = Path(__file__).parents[2]
RUNS = 15
TASKS = 1000
QUEUE = "once"


def measure() -> Iterator[Figure]:
    """Measure with messages at Redis and at RabbitMQ; keys and results are at the same Redis."""
    with TemporaryDirectory() as folder, RedisServer() as store:
        fleet = Path(shutil.copy(FLEET, folder))
        yield from _measured(fleet, "redis", store.url, store.url[:-1] + "1")
        with RabbitServer() as rabbit:
            yield from _measured(fleet, "rabbitmq", rabbit.url, store.url[:-1] + "2")


def _measured(fleet: Path, name: str, broker: str, results: str) -> Iterator[Figure]:
    environment = {"BROKER_URL": broker, "RESULT_URL": results}
    file = read_fleet_file(fleet, environment)
    app = Celery("client", set_as_current=False)
    install(file, app, read_inventory("benchmarks.once_app:app", FOLDER).tasks)
    keep_results_quiet(app)
    path = f"{FOLDER}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with RunningFleet(fleet, environment={**environment, "PYTHONPATH": path}):
        new, again = itertools.count(), itertools.cycle(range(TASKS))
        ways = {
            "plain": lambda: app.send_task("plain", args=[0], ignore_result=True),
            "once": lambda: app.send_task("once", args=[next(new)], ignore_result=True),
            "repeated": lambda: app.send_task("once", args=[next(again)], ignore_result=True),
        }
        for send in ways.values():
            _drained(app, send)
        runs: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(RUNS):
            for way in list(ways) if number % 2 else reversed(ways):
                runs[way].append(_drained(app, ways[way]))
        close(app)
    yield timed(f"{TASKS} plain tasks in a worker, {name}", runs["plain"])
    yield compared(f"run once over plain, {name}", runs["once"], runs["plain"])
    yield compared(f"repeats over plain, {name}", runs["repeated"], runs["plain"])
    each = [(once - plain) / TASKS for once, plain in zip(runs["once"], runs["plain"], strict=True)]
    yield timed(f"  a key costs, {name}", each)


def _drained(app: Celery, send: Callable[[], object]) -> float:
    """Time so many tasks in one pool process, from a task before them to one after, both of which tell the time."""
    app.control.cancel_consumer(QUEUE, reply=True, timeout=10, limit=1)
    before = app.send_task("clock")
    for _ in range(TASKS):
        send()
    after = app.send_task("clock")
    app.control.add_consumer(QUEUE, reply=True, timeout=10, limit=1)
    return float(after.get(timeout=120) - before.get(timeout=1))
