"""The processes of a fleet under test, whoever started them: found by a mark in their environment."""

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import psutil

VARIABLE: Final = "ALLOTMENT_FAULTS_RUN"
"""The environment variable that marks the processes of one run."""

_LOOK = 0.02


def marked(mark: str, folder: Path) -> list[psutil.Process]:
    """List the processes that carry a mark, or work in a folder, and run.

    The folder is for the embedded server, which writes its title over its environment. Processes that have ended and
    wait to be collected are left out.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = process.environ().get(VARIABLE) == mark or Path(process.cwd()).is_relative_to(folder)
            if ours and alive(process):
                found.append(process)
    return found


def alive(process: psutil.Process) -> bool:
    """Say whether a process runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command(process: psutil.Process) -> list[str]:
    """Give the words of a process's command; none where it has ended."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def children(process: psutil.Process) -> list[psutil.Process]:
    """List what a process has started, and what that has started; nothing where it has ended."""
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def serves(process: psutil.Process) -> bool:
    """Say whether it is the server of an embedded broker."""
    return any("valkey-server" in word for word in command(process)[:1])


def keeps(process: psutil.Process) -> bool:
    """Say whether it is the keeper of an embedded broker."""
    return "allotment.local.keeper" in command(process)


def described(process: psutil.Process) -> str:
    """Give a process's number and command, in short."""
    return f"{process.pid} {' '.join(command(process))[:120]}".rstrip()


def left(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait up to so many seconds for processes to end; give those that did not."""
    _, running = psutil.wait_procs([one for one in processes if alive(one)], timeout=seconds)
    return [one for one in running if alive(one)]


def until(what: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so, for so many seconds at most; say whether it is."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True
