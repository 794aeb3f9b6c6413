"""One process of a worker, which nobody is mistaken for.

The kernel gives a process's number to nobody else until its parent has collected it, and a group's number to nobody
while it has members. So all that is signalled here is signalled before the process is collected, and nothing after.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

import psutil

_LOOK = 0.1
"""Seconds between looks at whether a process has ended, where the kernel does not tell."""


class WorkerProcess:
    """A process in a session of its own; it and its group can be signalled until `ended` has given its code.

    `output` is the descriptor it prints to, `passed` those it is given besides. Raises OSError where it cannot be
    started.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: int, passed: Sequence[int]
    ) -> None:
        self._process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=passed,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill the process and all that is left in its group."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def ended(self) -> int:
        """Wait for its end, kill what is left in its group, and collect it; give its exit code."""
        await _until_ended(self.pid)
        self.kill_group()
        return self._process.wait()


async def _until_ended(pid: int) -> None:
    """Wait until a child has ended, without collecting it."""
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:  # Linux before 5.3, or as many files are open as may be
            pass
        else:
            await _until_readable(descriptor)
            return
    while not _has_ended(pid):  # noqa: ASYNC110 - there is nothing to wait for
        await asyncio.sleep(_LOOK)


def _has_ended(pid: int) -> bool:
    """Say whether a child has ended that is not collected yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except OSError:  # as many files are open as may be: it is looked again
        return False


async def _until_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
