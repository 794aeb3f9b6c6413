"""Asks a module in a process of its own, so that what it imports neither stays here nor disturbs the answer.

The answer comes in a file: modules that are imported may print, before and after it. It is JSON with one key, `found`
or `unusable`, the latter with a message and a hint.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Unanswered(Exception):
    """A process gave no answer; the text says how it ended."""


class Unusable(Exception):
    """What was asked about cannot be used: a message and a hint, which may be empty."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def ask(module: str, *arguments: str) -> Any:
    """Run `python -m module FILE ARGUMENT…` and give what it found. Raises Unusable and Unanswered.

    The current folder is not on its path (`-P`): a `types.py` there is not taken for Python's own.
    """
    with tempfile.TemporaryDirectory(prefix="allotment-") as folder:
        file, errors = Path(folder) / "answer.json", Path(folder) / "errors"
        with errors.open("wb") as said:  # no pipe: whoever is started meanwhile may keep that open
            done = subprocess.run(
                [sys.executable, "-P", "-m", module, str(file), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                check=False,
            )
        last = _last_line(errors.read_text(errors="replace").splitlines())
        try:
            answer = json.loads(file.read_bytes())
        except (OSError, ValueError):
            answer = {}
    if "found" in answer:
        return answer["found"]
    if "unusable" in answer:
        raise Unusable(*answer["unusable"])
    raise Unanswered(f"ended the process with {done.returncode}: {last}")


def _last_line(lines: Iterable[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else "it said nothing"
