"""What all broker servers have in common: processes, a folder, a port, and waiting until they answer."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Protocol, Self

from allotment.errors import AllotmentError
from allotment.testing.tether import TetheredProcess

HOST: Final = "127.0.0.1"
PORTS: Final = range(15_000, 30_000)
"""Where free ports are looked for: below those the system gives to outgoing connections (32768 and up on Linux, 49152
and up on macOS), because otherwise a client that tries to reach a stopped server may be given the server's own port,
and then connects to itself and keeps the server from starting again."""

POLL_SECONDS: Final = 0.02
STOP_SECONDS: Final = 30.0


class BrokerServerError(AllotmentError):
    """A broker server did not start or stop, or it was asked for something that only a running one has."""

    code = "broker-server"


class BrokerServer(Protocol):
    """What a test can do with a broker server."""

    @property
    def name(self) -> str:
        """Which broker it is: "rabbitmq", "redis" or "valkey"."""

    @property
    def url(self) -> str:
        """The broker URL for kombu and Celery; it stays the same when the server is started again."""

    @property
    def pid(self) -> int:
        """The process id of the broker itself; raises BrokerServerError if it does not run."""

    @property
    def running(self) -> bool:
        """Whether the broker runs."""

    def start(self) -> None:
        """Start the server, on its former data if it has any, and wait until it answers.

        Raises BrokerServerError if it runs already, ends at once or does not answer in time.
        """

    def stop(self) -> None:
        """Let the server shut down in order (SIGTERM) and wait until it has; its data stays. May be repeated.

        Raises BrokerServerError, after it ended the server by force, if the server did not shut down in 30 seconds.
        """

    def kill(self) -> None:
        """End the server at once (SIGKILL) and wait until it is gone; its data stays as it was. May be repeated."""


class LocalServer(ABC):
    """A broker server on this machine.

    `folder` is where it keeps its data, made if need be; without one it gets a temporary folder, which `close`
    deletes. `port` is where it listens, a free one unless given. `settings` are lines of its configuration file, added
    to those it has here or put in their place. `start_seconds` is how long `start` waits for it to answer.

    As a context manager it is started on entry and closed on exit.
    """

    name: ClassVar[str]
    separator: ClassVar[str]  # between a setting and its value

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        start_seconds: float = 60.0,
    ) -> None:
        self.folder = folder or Path(tempfile.gettempdir(), f"allotment-{self.name}-{secrets.token_hex(8)}")
        self.port = port or free_ports(1)[0]
        self.settings = dict(settings or {})
        self.start_seconds = start_seconds
        self._temporary = self.folder if folder is None else None
        self._processes: list[TetheredProcess] = []
        self._pid: int | None = None

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str | None:
        """Return why this machine cannot run the server and what would mend that, or None if it can."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The broker URL for kombu and Celery; it stays the same when the server is started again."""

    @property
    def log(self) -> Path:
        """The file with everything the server has written."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """The process id of the broker itself; raises BrokerServerError if it does not run."""
        if self._pid is None or not self.running:
            raise BrokerServerError(f"the {self.name} server is not running", hint="call start() first")
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the broker runs."""
        return bool(self._processes) and self._processes[-1].wait(0) is None

    def start(self) -> None:
        """Start the server, on its former data if it has any, and wait until it answers.

        Raises BrokerServerError if it cannot run here, runs already, ends at once or does not answer in time.
        """
        if self.running:
            raise BrokerServerError(f"the {self.name} server is running already", hint="call stop() first")
        if reason := self.unavailable():
            raise BrokerServerError(reason)
        self._end()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._launch()
            self._wait_until_ready()
        except ChildProcessError as error:
            self._end()
            raise BrokerServerError(f"{error}; {self._last_words()}") from error
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """Let the server shut down in order (SIGTERM) and wait until it has; its data stays. May be repeated.

        Raises BrokerServerError, after it ended the server by force, if the server did not shut down in 30 seconds.
        """
        stopped = not self.running or self._signal(signal.SIGTERM, signal.SIGCONT)
        self._end()
        if not stopped:
            raise BrokerServerError(f"{self.name} did not shut down in {STOP_SECONDS:g} s; {self._last_words()}")

    def kill(self) -> None:
        """End the server at once (SIGKILL) and wait until it is gone; its data stays as it was. May be repeated."""
        if self.running:
            self._signal(signal.SIGKILL)
        self._end()

    def close(self) -> None:
        """Kill the server, and delete its folder unless the caller gave it."""
        self.kill()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _launch(self) -> None:
        """Write the configuration and run the server's processes, the broker last."""

    @abstractmethod
    def _ready(self, connection: socket.socket) -> bool:
        """Ask over a fresh connection whether the broker serves clients; may raise OSError if it does not."""

    def _broker_pid(self) -> int:
        """Return the broker's process id, once it serves clients."""
        return self._processes[-1].pid

    def _run(self, command: Sequence[str], environment: Mapping[str, str], user: str | None = None) -> None:
        """Run a process of the server, as `user` unless that is None, with little more than `environment`."""
        path = f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin:/bin"
        process = TetheredProcess(
            command,
            environment={"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **environment},
            folder=self.folder,
            log=self.log,
            user=user,
            discard=self._temporary,
        )
        self._processes.append(process)

    def _write_settings(self, file: str, settings: Mapping[str, str]) -> Path:
        path = self.folder / file
        path.write_text("".join(f"{name}{self.separator}{value}\n" for name, value in settings.items()))
        return path

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            status = self._processes[-1].wait(POLL_SECONDS)
            if status is not None:
                raise BrokerServerError(f"{self.name} ended with status {status}; {self._last_words()}")
            if time.monotonic() > deadline:
                raise BrokerServerError(
                    f"{self.name} did not answer within {self.start_seconds:g} s; {self._last_words()}"
                )
        self._pid = self._broker_pid()

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                return self._ready(connection)
        except OSError:
            return False

    def _signal(self, *numbers: signal.Signals) -> bool:
        """Send signals to the broker; return whether all its processes ended in time."""
        pid = self._pid or self._processes[-1].pid
        with contextlib.suppress(ProcessLookupError):
            for number in numbers:
                os.kill(pid, number)
        return self._processes[-1].wait(STOP_SECONDS) is not None

    def _end(self) -> None:
        """End every process that is left."""
        while self._processes:
            self._processes.pop().end()
        self._pid = None

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(("it wrote last:", *lines[-60:]))


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports of this machine that nothing listens on now, all of them in PORTS.

    Raises BrokerServerError if there are not that many.
    """
    ports: set[int] = set()
    for _ in range(100 * count):
        # Not from `random`: a test plugin that seeds it would make all test processes choose the same ports.
        port = secrets.choice(PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind((HOST, port))
            ports.add(port)
        if len(ports) == count:
            return list(ports)
    raise BrokerServerError(f"no {count} free ports found between {PORTS.start} and {PORTS.stop}")


def find_program(name: str) -> str:
    """Return the path of a broker's program, or "" if there is none.

    Debian's rabbitmq-server in /usr/sbin is a script that changes the user; the one it wraps comes first here.
    """
    folders = ("/usr/lib/rabbitmq/bin", os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/usr/bin")
    return shutil.which(name, path=os.pathsep.join(folders)) or ""
