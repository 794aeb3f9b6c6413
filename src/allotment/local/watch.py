"""The worker's side of supervision: end with the supervisor, and say when it consumes."""

import contextlib
import os
import signal
import threading
import time

from allotment.local.supervisor import GRACE, LIFELINE, READY


def end_with_supervisor() -> bool:
    """End this process when its supervisor is gone: drain first, and after the grace end with all it forked.

    Gives whether there is a supervisor; nothing else happens where there is none.
    """
    lifeline = os.environ.pop(LIFELINE, None)
    grace = float(os.environ.pop(GRACE, "30"))
    if lifeline is None:
        return False

    def watch() -> None:
        while os.read(int(lifeline), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    return True


def say_ready() -> None:
    """Tell the supervisor, if there is one, that this worker consumes."""
    ready = os.environ.pop(READY, None)
    if ready is not None:
        with contextlib.suppress(OSError):
            os.write(int(ready), b"r")
            os.close(int(ready))
