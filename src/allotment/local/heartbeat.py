"""The heartbeat file of a worker: where it is, what it says, and what follows for the worker's health.

A probe asks often and starts a Python for it each time, so nothing slow is imported here.

Times in the file are of the monotonic clock, which all processes of a machine share (clock_gettime(2)): setting the
date changes nothing, and a machine that slept does not take its workers for dead when it wakes.
"""

import errno
import json
import os
import stat
import sys
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "ALLOTMENT_HEARTBEAT"
"""The environment variable that names the file, or a folder for it."""

LIMIT = 12.0
"""Seconds after which nothing that a worker does over and over may have failed to happen."""

_SILENCE = 9.0
"""Seconds without a beat that say that none comes: a worker that waits for its broker's answer writes every 7 or 8."""

QUIET = 6.0
"""Seconds without an answer that say that a broker is asked in vain: one that is well answers every 3."""

_MOST_BYTES = 4096
_END_OF_TIME = 1e12
"""Seconds after its start to which no machine comes."""
_CAREFULLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How to open a file of which nothing is known: no link is followed, and no pipe is waited for."""
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@")
_START = 19
"""Where the start time stands after the name of the process in /proc/PID/stat (field 22, proc_pid_stat(5))."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker writes into its file, again and again.

    `started` and `namespace` tell its process from another one of the same number, where there is a /proc. `written`,
    `loop` and `broker` are seconds of the monotonic clock: now, when its main loop last ran while it consumed, and when
    its broker last answered; None: not yet. `running` is how many tasks it runs, `connected` whether its main loop has
    a connection, and is not making another. `starved` is a lane where messages wait while it is idle and gets none.
    """

    worker: str
    pid: int
    started: int | None
    namespace: int | None
    written: float
    loop: float | None
    broker: float | None
    running: int = 0
    connected: bool = True
    starved: str | None = None

    @property
    def process(self) -> tuple[int, int | None, int | None]:
        """What tells the process that wrote it from any other."""
        return self.pid, self.started, self.namespace

    @property
    def starvation(self) -> str | None:
        """Say that it gets nothing though it could; None: that is not so."""
        return None if self.starved is None else f"starved: messages wait in {self.starved}, and it gets none of them"

    def to_json(self) -> str:
        """Write it as the file holds it."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Beat":
        """Read what a file holds. Raises ValueError."""
        try:
            beat = cls(**json.loads(text))
        except (TypeError, RecursionError) as error:
            raise ValueError(str(error)) from None
        moments = (beat.written, beat.loop or 0.0, beat.broker or 0.0)
        numbers = (beat.pid, beat.started or 0, beat.namespace or 0, beat.running, beat.connected)
        if not (
            isinstance(beat.worker, str)
            and isinstance(beat.starved, str | None)
            and all(isinstance(number, int) for number in numbers)
            and all(isinstance(moment, (int, float)) and 0 <= moment < _END_OF_TIME for moment in moments)
        ):
            raise ValueError("it holds something else than a beat")
        return beat


@dataclass(frozen=True, slots=True)
class Health:
    """What a heartbeat file says of its worker: whether it is healthy, and in a line why.

    `age` is the seconds since its last beat. What cannot be told from the file is None.
    """

    healthy: bool
    detail: str
    age: float | None = None
    pid: int | None = None
    worker: str | None = None


def named_file() -> Path | None:
    """Give the file that ALLOTMENT_HEARTBEAT names; None where it names none, or a folder."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given and not _names_folder(given) else None


def files_folder() -> Path:
    """Give the folder of the workers' files: the one that ALLOTMENT_HEARTBEAT names, else this user's own."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given and _names_folder(given) else own_folder()


def own_folder() -> Path:
    """Give this user's folder; whoever writes there makes it with the mode 0700, and refuses another's."""
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"allotment-{os.geteuid()}"  # noqa: S108 - a folder of its own


def _names_folder(given: str) -> bool:
    return given.endswith("/") or os.path.isdir(given)  # noqa: PTH112 - a Path would lose the slash


def usual_path(worker_name: str, fleet_file: Path | None = None) -> Path:
    """Give the path of a worker's file: what ALLOTMENT_HEARTBEAT names, else one named after the worker.

    `fleet_file` keeps workers of the same name in different fleets apart.
    """
    return named_file() or files_folder() / f"{encoded(worker_name)}{suffix(fleet_file)}"


def encoded(name: str) -> str:
    """Write a name so that it may be a file's."""
    return "".join(
        sign if sign in _PLAIN else "".join(f"%{byte:02X}" for byte in sign.encode(errors="surrogateescape"))
        for sign in name
    )


def suffix(fleet_file: Path | None) -> str:
    """Give the end of the names of a fleet's files. Links are not followed, as those of a ConfigMap change."""
    if fleet_file is None:
        return ".json"
    place = os.path.abspath(fleet_file)  # noqa: PTH100 - a Path would keep its `..`
    return f"-{zlib.crc32(os.fsencode(place)):08x}.json"


def check(path: Path) -> Health:
    """Judge a worker by its file."""
    try:
        beat = Beat.from_json(_read(path))
    except FileNotFoundError:
        return Health(
            healthy=False, detail=f"there is no {path}: the worker does not run, is stopping, or keeps another file"
        )
    except _Refused as error:
        return Health(healthy=False, detail=f"{path} {error}")
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        return Health(healthy=False, detail=f"{path} cannot be read: {why}")
    except ValueError:
        return Health(healthy=False, detail=f"{path} is no heartbeat file")
    now = time.monotonic()
    trouble = _trouble(beat, now)
    detail = trouble or f"process {beat.pid}, last beat {now - beat.written:.1f} s ago"
    return Health(trouble is None, f"{beat.worker}: {detail}", now - beat.written, beat.pid, beat.worker)


def last_beat(path: Path) -> Beat | None:
    """Give the last beat in a file, whoever wrote it; None where there is none to read."""
    try:
        return Beat.from_json(_read(path))
    except (OSError, ValueError, _Refused):
        return None


def run_check(path: Path) -> int:
    """Print one line on the worker's health; give 0 where it is healthy and 1 where not."""
    health = check(path)
    sys.stdout.write(f"{'healthy' if health.healthy else 'unhealthy'}: {health.detail}\n")
    return 0 if health.healthy else 1


class _Refused(Exception):
    """The file is not one to believe; the message goes on after its path."""


def _read(path: Path) -> str:
    """Read the file. Raises OSError, ValueError and _Refused."""
    descriptor = os.open(path, _CAREFULLY)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused("is no plain file")
        if status.st_uid != os.geteuid():
            raise _Refused("belongs to another user: ask as the user that the worker runs as")
        return os.read(descriptor, _MOST_BYTES).decode()
    finally:
        os.close(descriptor)


def _trouble(beat: Beat, now: float) -> str | None:
    """Say what is wrong with the worker; None: nothing."""
    if _gone(beat):
        return f"process {beat.pid} is gone"
    if beat.written > now:
        return "its last beat is from before the machine was started again"
    if beat.broker is None:
        return "its broker has not answered yet"
    if beat.loop is None:
        return "it does not consume yet"
    if now - min(beat.written, beat.broker, beat.loop) <= LIMIT:
        return beat.starvation
    # without a beat nothing is known of the loop and the broker, and all three grow old together
    if now - beat.written > _SILENCE:
        return f"no beat for {now - beat.written:.0f} s: process {beat.pid} hangs, or is stopped"
    if now - beat.broker > QUIET:  # the main loop may wait for it, and have run last before it answered last
        return f"its broker has not answered for {now - beat.broker:.0f} s"
    return f"its main loop has stood still for {now - beat.loop:.0f} s: it hangs, or is connecting again"


def _gone(beat: Beat) -> bool:
    """Say whether the process is known to have ended; of one in another namespace nothing can be known."""
    if beat.started is None or beat.namespace != pid_namespace():
        return False
    return start_of(beat.pid) != beat.started


def start_of(pid: int) -> int | None:
    """Give when a process was started, in ticks since the boot; None where it runs no more, or there is no /proc."""
    try:
        _, _, fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")
    except OSError:
        return None
    values = fields.split()
    ended = values[0] in {b"Z", b"X"}  # killed, and not yet waited for
    return None if ended else int(values[_START])


def pid_namespace() -> int | None:
    """Give a number for where this process's number counts (pid_namespaces(7)); None where there is no /proc."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return None
