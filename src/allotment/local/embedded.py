"""The embedded broker: a Valkey server in the fleet's state folder, for all who name the same fleet file.

A keeper process starts the server and ends it, saved, once nobody holds it any more. Whoever uses it holds it by an
open connection to the keeper, which the kernel closes when the holder ends, however it ends: no server outlives its
users. Messages and results are written to disk as they come (append-only file) and are there again at the next start.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from allotment.errors import BrokerUnreachable
from allotment.local.state import StateFolder
from allotment.local.variables import MARK

READY = b"ready\n"
START_TIMEOUT = 20.0
"""Seconds to wait for the server: it starts in 0.2 s, longer where much was kept."""

_RETRY = 0.02
_held: dict[Path, tuple[int, socket.socket]] = {}
_keepers: list[subprocess.Popen[bytes]] = []
"""Those that this process has started, which is to collect them when they have ended."""


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """The embedded broker of one state folder."""

    state: StateFolder

    @property
    def socket_path(self) -> Path:
        """Where the server listens: a Unix socket that only its user can open, no port."""
        return self.state.socket("valkey.sock")

    @property
    def keeper_path(self) -> Path:
        """Where the keeper listens."""
        return self.state.socket("keeper.sock")

    @property
    def broker_url(self) -> str:
        """The address for messages: database 0."""
        return f"redis+socket://{quote(str(self.socket_path))}"

    @property
    def results_url(self) -> str:
        """The address for results: database 1."""
        return f"{self.broker_url}?virtual_host=1"

    def hold(self) -> socket.socket:
        """Start the server if it does not run, and keep it running while this process lives.

        Calling it again costs nothing. Gives the connection that holds it, which is readable once the keeper is gone.
        Raises BrokerUnreachable with the end of the server's log when it does not start.
        """
        held = _held.get(self.state.path)
        if held and held[0] == os.getpid():
            if not _closed(held[1]):
                return held[1]
            held[1].close()
        connection = self._connect()
        _held[self.state.path] = (os.getpid(), connection)
        return connection

    def release(self) -> None:
        """Stop holding the server."""
        held = _held.pop(self.state.path, None)
        if held:
            held[1].close()

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + START_TIMEOUT
        keeper: subprocess.Popen[bytes] | None = None
        while time.monotonic() < deadline:
            connection = self._greeted(deadline)
            if connection:
                return connection
            if keeper is None or keeper.poll() is not None:
                if keeper is not None and keeper.returncode:
                    break
                keeper = self._start_keeper()
            time.sleep(_RETRY)
        raise BrokerUnreachable(
            f"the embedded broker did not start in {self.state.path}",
            hint=f"see {self.state.path / 'keeper.log'}: {self._last_words()}",
        )

    def _greeted(self, deadline: float) -> socket.socket | None:
        """Connect to the keeper and wait until it says that the server is ready; None where there is none."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(OSError):
            connection.connect(str(self.keeper_path))
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            if connection.recv(len(READY)) == READY:
                connection.setblocking(False)  # noqa: FBT003 - for `_closed`: under gevent MSG_DONTWAIT alone would wait
                return connection
        connection.close()
        return None

    def _start_keeper(self) -> subprocess.Popen[bytes]:
        folder = self.state.made()
        self.state.made_plain()
        _keepers[:] = [one for one in _keepers if one.poll() is None]  # which collects those that have ended
        with (folder / "keeper.log").open("ab") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "allotment.local.keeper", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=folder,
                env={name: value for name, value in os.environ.items() if name != MARK},  # it serves others too
            )
        _keepers.append(keeper)
        return keeper

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = (self.state.path / "keeper.log").read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else "it is empty"
        return "it is not there"


def _closed(connection: socket.socket) -> bool:
    """Say whether the other side is gone: then the connection reads as ended."""
    try:
        return connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
