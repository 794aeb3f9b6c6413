"""Tasks that only the workers `right` have."""

import time
from typing import Any

from allotment.testing.faults.ledger import note_effect
from allotment.testing.faults.workload.app import app


@app.task(name="right.step", bind=True)
def step(self: Any, seconds: float = 0.005) -> str:
    """Take a moment."""
    note_effect(self.request.id)
    time.sleep(seconds)
    return "right"
