"""What each task does: wait a little, as for a disk or another service, and add its letter."""

import os
import time

SECONDS = float(os.environ.get("LETTERS_SECONDS", "0.01"))


def add(letter: str, so_far: str) -> str:
    """Give the letters so far with one more."""
    time.sleep(SECONDS)
    return so_far + letter
