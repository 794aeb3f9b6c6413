"""Tasks that only the workers `left` have."""

import os
import signal
import time
from typing import Any

from allotment.testing.faults.ledger import note_effect
from allotment.testing.faults.workload.app import app


@app.task(name="left.step", bind=True)
def step(self: Any, seconds: float = 0.002) -> str:
    """Take a moment."""
    note_effect(self.request.id)
    time.sleep(seconds)
    return "left"


@app.task(name="left.poison", bind=True)
def poison(self: Any) -> None:
    """Kill the process that runs it."""
    note_effect(self.request.id)
    os.kill(os.getpid(), signal.SIGKILL)
