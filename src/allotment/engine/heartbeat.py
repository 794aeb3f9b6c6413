"""The heartbeat file of a worker, as the worker keeps it; `allotment.local.heartbeat` reads it.

Three things are watched. The main loop is asked over and over to note that it runs; it does so only while it consumes.
A thread asks the broker, sees whether the worker gets what waits for it (`allotment.engine.starvation`), and writes the
file. Where the process is stopped nothing is written; where the main loop hangs or the broker is silent, the file says
since when. A supervisor is told the same, by a pipe, which needs no room on a disk.

A pool without a process or a thread of its own (solo) runs a task in the main loop, which does nothing else meanwhile.
It counts as running for as long as Celery knows of a task that runs, however long: nothing tells a long task from one
that hangs. On gevent a task that does not yield stops this thread as well, as it stops everything.
"""

import contextlib
import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

from celery import Celery, bootsteps
from celery.concurrency import solo
from celery.utils.log import get_logger
from celery.worker import state

from allotment.engine.probe import BrokerProbe
from allotment.engine.starvation import Starvation
from allotment.local.heartbeat import VARIABLE, Beat, check, last_beat, own_folder, pid_namespace, start_of
from allotment.local.watch import STOPPING, tell

LOOP_PERIOD = 2.0
"""Seconds between notes of the main loop."""
BEAT_PERIOD = 3.0
"""Seconds between questions to the broker, after each of which the file is written."""

logger = get_logger(__name__)


def keep(app: Celery, path: Path) -> None:
    """Make the worker that this app starts keep the file at `path` while it runs, and remove it when it stops.

    A file that cannot be written is a warning in the log and no more: the worker runs on.
    """

    class Kept(HeartbeatStep):
        file = HeartbeatFile(path)

    app.steps["worker"].add(Kept)


class HeartbeatStep(bootsteps.StartStopStep):
    """The part of a worker that begins the heartbeat after the pool, whose first children have no other thread then."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")
    label = "Heartbeat"
    file: "HeartbeatFile"
    heartbeat: "Heartbeat | None" = None

    def start(self, worker: Any) -> None:
        """Begin."""
        self.heartbeat = Heartbeat(worker, self.file)
        self.heartbeat.start()

    def close(self, worker: Any) -> None:  # noqa: ARG002 - Celery's
        """End as soon as the worker is to stop: what is begun is finished, and nothing more is consumed."""
        if self.heartbeat is not None:
            self.heartbeat.stop()

    stop = terminate = close


class Heartbeat:
    """Watches one worker and writes what it sees, from `start` to `stop`."""

    def __init__(self, worker: Any, file: "HeartbeatFile") -> None:
        self._worker = worker
        self._consumer = worker.consumer
        self._file = file
        self._probe = BrokerProbe(lambda: self._consumer.connection or self._consumer.conninfo)
        self._starvation = Starvation(self._consumer, self._probe.waiting)
        self._pid = os.getpid()
        self._started, self._namespace = start_of(self._pid), pid_namespace()
        self._asked = False
        self._loop: float | None = None
        self._broker: float | None = None
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._wrote = False
        self._warned = False
        self._warned_of_another = False

    def start(self) -> None:
        """Begin to watch."""
        other = check(self._file.path)
        if other.healthy:
            self._warn_of_another(other.pid)
        self._worker.timer.call_repeatedly(LOOP_PERIOD, self._ask_loop)
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Watch no more, and remove the file. May be called again."""
        with self._writing:
            if not self._stopped.is_set():
                self._stopped.set()
                self._file.remove()
                tell(STOPPING)

    def _ask_loop(self) -> None:
        """Ask the main loop to note that it runs: on gevent timers run beside it."""
        if not self._asked:
            self._asked = True
            self._consumer.call_soon(self._note_loop)

    def _note_loop(self) -> None:
        self._asked = False
        if self._consumer.connection is not None and self._consumer.task_consumer is not None:
            self._loop = time.monotonic()

    def _run(self) -> None:
        while True:
            answers = self._probe.answers()
            if answers:
                self._broker = time.monotonic()
            if self._runs_in_loop():
                self._loop = time.monotonic()
            self._write(self._starved() if answers else None)
            if self._stopped.wait(BEAT_PERIOD):
                break
        self._probe.close()

    def _runs_in_loop(self) -> bool:
        """Say whether the main loop is the one that runs a task."""
        return isinstance(self._worker.pool, solo.TaskPool) and len(state.active_requests) > 0

    def _starved(self) -> str | None:
        """Give a lane whose messages this worker does not get, though its main loop runs; None: there is none."""
        now = time.monotonic()
        if self._loop is None or now - self._loop > LOOP_PERIOD + BEAT_PERIOD:
            self._starvation.forget()
            return None
        return self._starvation.look(now)

    def _write(self, starved: str | None) -> None:
        beat = Beat(
            self._worker.hostname,
            self._pid,
            self._started,
            self._namespace,
            time.monotonic(),
            self._loop,
            self._broker,
            running=len(state.active_requests),
            connected=self._consumer.connection is not None,
            starved=starved,
        )
        with self._writing:
            if self._stopped.is_set():
                return
            tell(beat.to_json())
            self._look_for_another(beat)
            try:
                self._file.write(beat.to_json())
            except OSError as error:
                self._file.remove()  # rather none than one that says less and less
                self._warn(error)
            else:
                self._wrote = True
                self._warned = False

    def _look_for_another(self, beat: Beat) -> None:
        """See whether another process has written since this one did: both may have begun at once. Warns once."""
        if not self._wrote or self._warned_of_another:
            return
        last = last_beat(self._file.path)
        if last is not None and last.process != beat.process:
            self._warn_of_another(last.pid)

    def _warn_of_another(self, pid: int | None) -> None:
        self._warned_of_another = True
        logger.warning(
            "process %s keeps the same heartbeat file, %s, and a health check can tell of one of them only; "
            "name another with %s",
            pid,
            self._file.path,
            VARIABLE,
        )

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "no heartbeat file is kept, so health checks fail: %s; name another with %s", error, VARIABLE
            )


class HeartbeatFile:
    """A file that is always whole, and that nobody else can put something else in the place of."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _make_folder(self) -> None:
        """Make its folder. Raises OSError, also where this user's folder is not theirs alone."""
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        ours = folder.is_dir() and not folder.is_symlink() and status.st_uid == os.geteuid()
        if folder == own_folder() and (not ours or status.st_mode & 0o077):
            raise PermissionError(errno.EPERM, f"{folder} belongs to somebody else, or others may enter it")

    def write(self, text: str) -> None:
        """Put a text in the place of what is there; nothing waits for the disk, as it is for this boot only.

        Raises OSError.
        """
        self._make_folder()
        aside = self.path.with_name(f"{self.path.name}.new")
        aside.unlink(missing_ok=True)
        with aside.open("x") as file:  # whatever else is there, a link for one, is refused
            file.write(text)
        aside.replace(self.path)

    def remove(self) -> None:
        """Take it away."""
        with contextlib.suppress(OSError):
            self.path.unlink()
