"""Commands run as a user runs them: in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def allot(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None, timeout: float = 90) -> Done:
    """Run `allot` and give what it printed and ended with."""
    done = subprocess.run(
        [sys.executable, "-m", "allotment", *arguments],
        cwd=folder,
        env=clean_environment() | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def clean_environment() -> dict[str, str]:
    """Give the environment without what would point a fleet elsewhere."""
    names = {"BROKER_URL", "RESULT_URL", "ALLOTMENT_STATE", "ALLOTMENT_FLEET"}
    return {key: value for key, value in os.environ.items() if key not in names}
