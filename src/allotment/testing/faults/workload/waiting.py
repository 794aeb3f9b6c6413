"""Tasks of the workers `waiting`, which are threads: they wait, as for somebody else's answer."""

import os
import time
from pathlib import Path
from typing import Any

from allotment.testing.faults.ledger import note_effect
from allotment.testing.faults.workload.app import CRASH, app

if Path(os.environ.get(CRASH, os.devnull)).is_file():
    raise RuntimeError("this module cannot be imported while the harness says so")


@app.task(name="waiting.step", bind=True)
def step(self: Any, seconds: float = 0.02) -> str:
    """Take a moment."""
    note_effect(self.request.id)
    time.sleep(seconds)
    return "waiting"
