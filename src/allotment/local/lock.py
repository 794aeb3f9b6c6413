"""A lock that names its holder and ends with it, however it ends."""

import contextlib
import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self


class Held(Exception):
    """Somebody else holds the lock; `pid` is theirs, None where they have not written it yet."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path} is held by process {pid}")
        self.pid = pid


class LocksUnsupported(OSError):
    """The disk that the file is on gives no locks."""


class FileLock:
    """An exclusive lock on a file, released by the kernel when the process ends (flock(2))."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock and write our process's number into the file. Raises Held, LocksUnsupported and OSError."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with ExitStack() as undo:
            undo.callback(os.close, descriptor)
            self._lock(descriptor)
            with contextlib.suppress(OSError):  # a full disk: the lock holds without the number
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
            undo.pop_all()
        self._descriptor = descriptor

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.read(descriptor, 32).decode(errors="replace").strip()
            raise Held(self._path, int(text) if text.isdecimal() else None) from None
        except OSError as error:
            raise LocksUnsupported(error.errno, f"no lock can be had: {error.strerror}", str(self._path)) from None

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
