"""The worker's side of supervision: end with the supervisor, and tell it how things are."""

import contextlib
import os
import signal
import threading
import time
from functools import cache

from allotment.local.variables import GRACE, LIFELINE, MARK, REPORT

READY = "ready"
STOPPING = "stopping"

_abandoned = threading.Event()


def end_with_supervisor() -> bool:
    """End this process when its supervisor is gone: drain first, and after the grace end with all it started.

    Gives whether there is a supervisor; nothing else happens where there is none.
    """
    _report()  # before anything is started that would find it in its environment
    lifeline = os.environ.pop(LIFELINE, None)
    grace = float(os.environ.pop(GRACE, "30"))
    if lifeline is None:
        return False
    os.set_inheritable(int(lifeline), False)  # noqa: FBT003 - what tasks start need not have it

    def watch() -> None:
        while os.read(int(lifeline), 1):
            pass
        _abandoned.set()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        _end_everything()

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    return True


def leave_nothing() -> None:
    """End what this worker has started and left, and itself, where no supervisor is there any more to do it."""
    if _abandoned.is_set():
        _end_everything()


def _end_everything() -> None:
    mark = os.environ.get(MARK)
    if mark is not None:
        from allotment.local.supervision.strays import end_strays  # noqa: PLC0415 - only the abandoned need psutil

        end_strays(lambda one: one == mark)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def say_ready() -> None:
    """Tell the supervisor, if there is one, that this worker consumes."""
    tell(READY)


def tell(line: str) -> None:
    """Tell the supervisor, if there is one; what it has no room for is left out."""
    report = _report()
    if report is not None:
        with contextlib.suppress(OSError):
            os.write(report, f"{line.rstrip()}\n".encode())


@cache
def _report() -> int | None:
    given = os.environ.pop(REPORT, None)
    if given is None:
        return None
    os.set_blocking(int(given), False)
    os.set_inheritable(int(given), False)  # noqa: FBT003 - as above
    return int(given)
