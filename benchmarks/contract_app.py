"""One task twice, as plain Celery has it and as a contract; and a task that tells the time."""

import os
import time

from celery import Celery

from allotment import contract, implements

QUEUE = "contracts"

app = Celery("contracts", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(task_default_queue=QUEUE, broker_connection_retry_on_startup=True)


@app.task(name="plain")
def plain(left: int, right: int) -> int:
    return left + right


@contract(name="agreed", queue=QUEUE)
def agreed(left: int, right: int) -> int:
    """Add two numbers."""
    raise NotImplementedError


@implements(agreed, app=app)
def add(left: int, right: int) -> int:
    return left + right


@app.task(name="clock")
def clock() -> float:
    return time.perf_counter()
