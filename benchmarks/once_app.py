"""One task twice, plain and run once for each key; and a task that tells the time."""

import time

from celery import Celery

app = Celery("once")


@app.task(name="plain")
def plain(number: int) -> int:
    return number


@app.task(name="once")
def once(number: int) -> int:
    return number


@app.task(name="clock")
def clock() -> float:
    return time.perf_counter()
