"""Asks a module in a process of its own, so that what it imports neither stays here nor disturbs the answer.

The answer comes in a file: modules that are imported may print, before and after it. It is JSON with one key, `found`
or `unusable`, the latter with a message and a hint.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

LONGEST = 120.0
"""Seconds for an answer: a large app takes its time to be imported, and one that hangs never answers."""

Ask = Callable[..., Any]
"""What runs `python -m module FILE ARGUMENT…`, given the module and the arguments, and gives what it found."""


class Unanswered(Exception):
    """A process gave no answer; the text says what became of it."""


class Unusable(Exception):
    """What was asked about cannot be used: a message and a hint, which may be empty."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Asking:
    """Asks, from any thread, until it is ended. `longest` is how many seconds an answer may take."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._lock = threading.Lock()
        self._asked: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def ask(self, module: str, *arguments: str) -> Any:
        """Run `python -m module FILE ARGUMENT…` and give what it found. Raises Unusable, Unanswered and OSError.

        The current folder is not on its path (`-P`): a `types.py` there is not taken for Python's own.
        """
        with tempfile.TemporaryDirectory(prefix="allotment-") as folder:
            file, errors = Path(folder) / "answer.json", Path(folder) / "errors"
            fate = self._run([sys.executable, "-P", "-m", module, str(file), *arguments], errors)
            last = _last_line(errors.read_text(errors="replace").splitlines())
            try:
                answer = json.loads(file.read_bytes())
            except (OSError, ValueError):
                answer = {}
        if "found" in answer:
            return answer["found"]
        if "unusable" in answer:
            raise Unusable(*answer["unusable"])
        raise Unanswered(f"{fate}: {last}")

    def end(self) -> None:
        """End who is being asked; nobody is asked any more."""
        with self._lock:
            self._ended = True
            for process in self._asked:
                process.kill()

    def _run(self, command: Sequence[str], errors: Path) -> str:
        """Run a command to its end, or for as long as it may take; say what became of it."""
        with errors.open("wb") as said, self._lock:  # no pipe: whoever is started meanwhile may keep that open
            if self._ended:
                raise Unanswered("was ended before it began")
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
            self._asked.add(process)
        try:
            return f"ended the process with {process.wait(self._longest)}"
        except subprocess.TimeoutExpired:
            return f"took longer than {self._longest:g} s, and was ended"
        finally:
            process.kill()
            process.wait()
            with self._lock:
                self._asked.remove(process)


def ask(module: str, *arguments: str) -> Any:
    """Ask by itself, see `Asking.ask`."""
    return Asking().ask(module, *arguments)


def _last_line(lines: Iterable[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else "it said nothing"
