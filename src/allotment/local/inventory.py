"""An app's tasks, found in a process of its own: whoever asks imports neither Celery nor the app."""

import subprocess
import sys
from pathlib import Path

from allotment.errors import AppUnusable
from allotment.model.inventory import Inventory

SEPARATOR = "\n\x1e"
"""Before the answer, as the app's own modules may print too."""


def read_inventory(reference: str, folder: Path) -> Inventory:
    """Find the tasks of the app `module:attribute`, importable from the folder. Raises AppUnusable."""
    done = subprocess.run(
        [sys.executable, "-m", "allotment.engine.modules", reference, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return Inventory.from_json(done.stdout.rpartition(SEPARATOR)[2])
    message, _, hint = done.stderr.rpartition(SEPARATOR)[2].strip().partition("\n")
    raise AppUnusable(message or f"the app {reference!r} cannot be imported", hint=hint or None)
