"""Processes that a worker or its tasks have started and left, wherever they went since.

A worker's group holds most of them. One that began a session of its own is known by a variable of its environment,
which it has inherited and the kernel shows as long as it runs (`/proc/PID/environ`, proc_pid_environ(5)). What is to
outlive its worker is started without the variable.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

import psutil

from allotment.local.variables import MARK

_ROUNDS = 20
"""How often to look again for what was forked meanwhile."""
_GONE = 1.0
"""Seconds to wait for the end of what was killed."""


def marked(wanted: Callable[[str], bool]) -> Iterator[psutil.Process]:
    """Give the running processes whose mark is wanted, without this one and those it came from."""
    above = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid in above or process.status() == psutil.STATUS_ZOMBIE:
                continue
            mark = process.environ().get(MARK)
            if mark is not None and wanted(mark):
                yield process


def end_strays(wanted: Callable[[str], bool]) -> int:
    """Kill every running process whose mark is wanted; say how many there were."""
    count = 0
    for _ in range(_ROUNDS):
        found = list(marked(wanted))
        for process in found:
            send(process, signal.SIGKILL)
        psutil.wait_procs(found, timeout=_GONE)
        count += len(found)
        if not found:
            break
    return count


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Signal this process, and nobody who has been given its number since."""
    with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
        if sys.platform != "linux":
            process.send_signal(number)
            return
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return
        except OSError:  # Linux before 5.3
            process.send_signal(number)
            return
        try:
            if process.is_running():  # by its start time; from here on the descriptor cannot mean another one
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
