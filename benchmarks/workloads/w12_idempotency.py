"""What a task costs in a worker that is run once for each key, beside the plain one."""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, compared, timed
from benchmarks.workers import drained, on_both

FLEET = Path(__file__).with_name("once_fleet.yaml")
RUNS = 15
TASKS = 1000
QUEUE = "once"


def measure() -> Iterator[Figure]:
    """Measure with messages at Redis and at RabbitMQ; keys and results are at the same Redis."""
    for name, app in on_both(FLEET, "benchmarks.once_app:app"):
        new, again = itertools.count(), itertools.cycle(range(TASKS))
        send = functools.partial(app.send_task, ignore_result=True)
        ways = {
            "plain": lambda send=send: send("plain", args=[0]),
            "once": lambda send=send, new=new: send("once", args=[next(new)]),
            "repeated": lambda send=send, again=again: send("once", args=[next(again)]),
        }
        for way in ways.values():
            drained(app, QUEUE, TASKS, way)
        runs: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(RUNS):
            for way in list(ways) if number % 2 else reversed(ways):
                runs[way].append(drained(app, QUEUE, TASKS, ways[way]))
        yield timed(f"{TASKS} plain tasks in a worker, {name}", runs["plain"])
        yield compared(f"run once over plain, {name}", runs["once"], runs["plain"])
        yield compared(f"repeats over plain, {name}", runs["repeated"], runs["plain"])
        each = [(once - plain) / TASKS for once, plain in zip(runs["once"], runs["plain"], strict=True)]
        yield timed(f"  a key costs, {name}", each)
