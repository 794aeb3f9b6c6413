"""Where the figures were measured, and processes that are started as an installed program is."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil


def facts() -> dict[str, Any]:
    """Describe the machine and the versions; `load` is how busy it already was."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": psutil.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "allotment": version("allotment"),
        "celery": version("celery"),
    }


def facts_line() -> str:
    """Describe the machine in a line."""
    found = facts()
    return (
        f"{found['cores']} cores, {found['memory_bytes'] / 2**30:.0f} GiB, {found['system']}, "
        f"Python {found['python']}, Celery {found['celery']}, load {found['load']:.1f} at the start"
    )


def plain_environment() -> dict[str, str]:
    """Give this process's environment without what changes how Python or Allotment starts."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ALLOTMENT"))}


def python(*arguments: str) -> list[str]:
    """Give the command line that runs the same Python."""
    return [sys.executable, *arguments]
