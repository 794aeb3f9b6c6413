"""A worker to time, with messages at Redis and at RabbitMQ: one after another takes what waits for it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from celery import Celery

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer, RedisServer

_FOLDER = Path(__file__).parents[1]


def on_both(fleet: Path, app: str) -> Iterator[tuple[str, Celery]]:
    """Run a fleet at Redis and then at RabbitMQ, results at the same Redis; give each broker's name, and a client.

    `app` is the module and attribute of the tasks' app.
    """
    with TemporaryDirectory() as folder, RedisServer() as store:
        copy = Path(shutil.copy(fleet, folder))
        with _running(copy, app, store.url, store.url[:-1] + "1") as client:
            yield "redis", client
        with RabbitServer() as rabbit, _running(copy, app, rabbit.url, store.url[:-1] + "2") as client:
            yield "rabbitmq", client


@contextmanager
def _running(fleet: Path, reference: str, broker: str, results: str) -> Iterator[Celery]:
    environment = {"BROKER_URL": broker, "RESULT_URL": results}
    client = Celery("client", set_as_current=False)
    install(read_fleet_file(fleet, environment), client, read_inventory(reference, _FOLDER).tasks)
    keep_results_quiet(client)
    path = f"{_FOLDER}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with RunningFleet(fleet, environment={**environment, "PYTHONPATH": path}):
        yield client
        close(client)


def drained(client: Celery, queue: str, count: int, send: Callable[[], object], worker: str | None = None) -> float:
    """Give the seconds that one pool process takes for so many tasks, which wait in its queue when it begins.

    A task `clock` before them and one after tell the time. `worker` is whose queue it is, where there are several.
    """
    asked = {"destination": None if worker is None else [worker], "reply": True, "timeout": 10, "limit": 1}
    client.control.cancel_consumer(queue, **asked)
    before = client.send_task("clock", queue=queue)
    for _ in range(count):
        send()
    after = client.send_task("clock", queue=queue)
    client.control.add_consumer(queue, **asked)
    return float(after.get(timeout=120) - before.get(timeout=1))
