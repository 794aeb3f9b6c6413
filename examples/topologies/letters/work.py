"""What each task does: wait a little, as for a disk or another service, and add its letter."""

import os
import time

SECONDS = float(os.environ.get("LETTERS_SECONDS", "0.01"))


def add(letter: str, so_far: str | list[str]) -> str:
    """Give the letters so far, of one task or of several side by side, with one more."""
    time.sleep(SECONDS)
    return "".join(so_far) + letter
