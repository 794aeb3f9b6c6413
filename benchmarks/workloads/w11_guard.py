"""What the guard costs a worker: short tasks with it and with Celery's own consumer."""

import functools
from collections.abc import Iterator
from pathlib import Path

from celery import Celery

from benchmarks.figures import Figure, Target, compared, timed
from benchmarks.workers import drained, on_both

FLEET = Path(__file__).with_name("guard_fleet.yaml")
RUNS = 15
TASKS = 2000
COST = Target(1.02)


def measure() -> Iterator[Figure]:
    """Measure with messages at Redis and at RabbitMQ; results are at the same Redis."""
    queues = ("unguarded", "guarded")
    for name, app in on_both(FLEET, "benchmarks.guard_app:app"):

        def run(queue: str, app: Celery = app) -> float:
            send = functools.partial(app.send_task, "short", args=[0], queue=queue, ignore_result=True)
            return drained(app, queue, TASKS, send, worker=f"{queue}-1@local")

        for queue in queues:
            run(queue)
        runs: dict[str, list[float]] = {queue: [] for queue in queues}
        for number in range(RUNS):
            for queue in queues if number % 2 else reversed(queues):
                runs[queue].append(run(queue))
        yield timed(f"{TASKS} short tasks with Celery's consumer, {name}", runs["unguarded"])
        yield compared(f"with the guard over without, {name}", runs["guarded"], runs["unguarded"], COST)
