"""Two tasks that take a known time each."""

import time

from celery import Celery

app = Celery("scaling")


@app.task(name="a")
def a(number):
    """Take a tenth of a second."""
    time.sleep(0.1)
    return number


@app.task(name="b")
def b(number):
    """Take a fifth of a second."""
    time.sleep(0.2)
    return number
