"""A short task, and one that tells the time; the worker `unguarded` has Celery's own consumer in place of the guard."""

import time
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

app = Celery("guard")


@app.task(name="short")
def short(number: int) -> int:
    return number


@app.task(name="clock")
def clock() -> float:
    return time.perf_counter()


@celeryd_init.connect
def _choose_consumer(sender: str, conf: Any, **_: Any) -> None:
    if sender.startswith("unguarded"):
        conf.worker_consumer = "celery.worker.consumer:Consumer"
