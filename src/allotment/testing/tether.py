"""Run a command that cannot outlive the process that asked for it.

`TetheredProcess` runs this same file as a process of its own, the tether, which starts the command and waits. When the
command ends, or the holder (the process that made the `TetheredProcess`) asks for the end or dies in whatever way,
SIGKILL included, the tether ends every process that is left of the command, and then itself.

On Linux the tether adopts orphaned descendants (prctl(2), PR_SET_CHILD_SUBREAPER), so a daemon that left its process
group is ended too, and it watches the holder through a pidfd (pidfd_open(2)), so a forked child of the holder, which
has the pipe as well, does not keep the command alive. Elsewhere the tether ends the command's process group when the
pipe closes.

The file is run by its path and isolated (`python -I -S`), so it imports the standard library only.
"""

import contextlib
import ctypes
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

CANNOT_RUN: Final = 127
"""The tether's exit status when the command could not be started, as in POSIX shells."""

END: Final = b"."
"""What the holder writes into the pipe to end the command; a pipe that just closes means that the holder is gone."""

PR_SET_CHILD_SUBREAPER: Final = 36  # from linux/prctl.h


class TetheredProcess:
    """A running command that ends when its holder does.

    `command` is the program with its arguments, `environment` all of its environment, `folder` its working directory
    and `log` the file its output is added to. `user` is the name of the user to run as; None keeps the holder's, and
    another one needs root. `discard` is a folder to delete should the holder be gone before the command.

    Raises ChildProcessError if the command cannot be started; the reason is at the end of `log`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        user: str | None = None,
        discard: Path | None = None,
    ) -> None:
        tether = (sys.executable, "-I", "-S", __file__, str(os.getpid()), user or "", str(discard or ""))
        with log.open("ab") as output:
            self._tether = subprocess.Popen(
                (*tether, *command),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        assert self._tether.stdout is not None
        with self._tether.stdout as announcement:
            line = announcement.readline()
        if not line:
            self.end()
            raise ChildProcessError(f"{command[0]} could not be started")
        self.pid = int(line)
        """The process id of the command."""

    def wait(self, seconds: float) -> int | None:
        """Wait up to `seconds` until no process of the command is left.

        Returns the command's exit status (128 plus the signal's number if a signal ended it), or None if the time ran
        out first.
        """
        try:
            status = self._tether.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._close()
        return status

    def end(self) -> int:
        """SIGKILL every process of the command, wait until none is left and return the command's exit status."""
        assert self._tether.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # the tether has exited, or that was noticed before
            self._tether.stdin.write(END)
        status = self._tether.wait()
        self._close()
        return status

    def _close(self) -> None:
        assert self._tether.stdin is not None
        self._tether.stdin.close()


def main(arguments: Sequence[str]) -> int:
    """Be the tether: `arguments` are the holder's process id, a user or "", a folder to discard or "", the command.

    Standard input is the pipe to the holder. Writes the command's process id to standard output; what the command
    writes goes to standard error. Returns the command's exit status.
    """
    holder, user, discard, *command = arguments
    signals = _signal_pipe()
    _adopt_orphans()
    try:
        pid = _spawn(command, user)
    except (OSError, KeyError) as error:
        sys.stderr.write(f"{command[0]}: {error}\n")
        return CANNOT_RUN
    os.write(1, b"%d\n" % pid)
    os.close(1)
    status, abandoned = _watch(int(holder), pid, signals)
    status = _end_everything(pid, status)
    if abandoned and discard:
        shutil.rmtree(discard, ignore_errors=True)
    return status


def _signal_pipe() -> int:
    """Return a file descriptor that gives the number of each signal that arrives, one byte each."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)  # signal.set_wakeup_fd asks for that
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reader


def _adopt_orphans() -> None:
    """Let orphaned descendants become children of this process, where the system can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _spawn(command: Sequence[str], user: str) -> int:
    """Start `command` in a session of its own, as `user` unless that is "", and return its process id."""
    uid = gid = groups = None
    if user:
        entry = pwd.getpwnam(user)
        uid, gid, groups = entry.pw_uid, entry.pw_gid, os.getgrouplist(user, entry.pw_gid)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        user=uid,
        group=gid,
        extra_groups=groups,
        start_new_session=True,
    )
    process.returncode = 0  # _reap collects the exit status: Popen must not, and would when it is deleted
    return process.pid


def _watch(holder: int, pid: int, signals: int) -> tuple[int | None, bool]:
    """Wait until the command `pid` ends, or the holder asks for its end or is gone.

    Passes signals on to the command. Returns the command's exit status, None if it still runs, and whether the holder
    is gone.
    """
    with _death_of(holder) as death:
        while os.getppid() == holder:
            ready, _, _ = select.select([0, signals, *death], [], [])
            if signals in ready:
                arrived = set(os.read(signals, select.PIPE_BUF)) - {signal.SIGCHLD}
                status = _reap(pid)
                if status is not None:
                    return status, False
                for number in arrived:
                    os.kill(pid, number)
            if 0 in ready:
                return None, os.read(0, 1) != END
    return None, True


@contextlib.contextmanager
def _death_of(pid: int) -> Iterator[list[int]]:
    """Give a file descriptor that becomes readable when process `pid` ends, or none where there is no such thing."""
    descriptors = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # Linux before 5.3 has no pidfd_open, or the process is gone already
            descriptors.append(os.pidfd_open(pid))
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _reap(pid: int) -> int | None:
    """Collect the children that have ended; return the exit status of `pid` if it was among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, raw = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                break
            if ended == pid:
                status = _exit_status(raw)
    return status


def _end_everything(pid: int, status: int | None) -> int:
    """SIGKILL all children until none is left, and return the exit status of `pid`: `status` if that is known.

    When a child is killed its children become children of this process, so in the end every descendant is reached.
    """
    while True:
        for child in _children(pid):
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            ended, raw = os.waitpid(-1, 0)
        except ChildProcessError:
            return status or 0
        if ended == pid:
            status = _exit_status(raw)


def _children(pid: int) -> list[int]:
    """Return the ids of this process's children; where the system has no /proc, just the process group of `pid`."""
    if sys.platform != "linux":
        return [-pid]
    return [int(entry.name) for entry in Path("/proc").iterdir() if _parent(entry) == os.getpid()]


def _parent(entry: Path) -> int | None:
    """Return the id of the parent of the process whose folder in /proc is `entry`; None if that is no process.

    The parent is the second field after the command, which stands in parentheses (proc_pid_stat(5)).
    """
    try:
        return int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1]) if entry.name.isdigit() else None
    except OSError:
        return None


def _exit_status(raw: int) -> int:
    """Return the exit status that a shell gives for `raw`, a status from wait(2)."""
    code = os.waitstatus_to_exitcode(raw)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
