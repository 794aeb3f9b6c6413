"""A TCP proxy between a client and a server, which can stop passing bytes, cut connections, or refuse them.

with Proxy("127.0.0.1", 5672) as proxy:
    connection = kombu.Connection(proxy.url("amqp://guest:guest@127.0.0.1:5672//"))
    proxy.stall()
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from allotment.testing.brokers import free_ports

HOST: Final = "127.0.0.1"
CHUNK: Final = 64 * 1024
"""Bytes read at once. A connection keeps at most three such chunks for each direction; then it reads no more, so that
the system's own buffers fill and the sender is held back."""

_ANSWER_SECONDS: Final = 10.0
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST in place of FIN (socket(7))."""

Value = TypeVar("Value")


class Proxy:
    """Passes bytes between those who connect to `port` and a server, until it is told to do otherwise.

    The server is at `host` and `port`, or at the Unix socket `socket_path`. It need not listen yet: a connection is
    reset while it does not. All methods may be called from any thread. Use as a context manager.
    """

    def __init__(self, host: str = HOST, port: int = 0, *, socket_path: Path | None = None) -> None:
        self._target = (host, port)
        self._socket_path = socket_path
        (self.port,) = free_ports(1)
        """Where clients connect, on 127.0.0.1; it stays the same from the beginning to the end."""
        self.blocked = 0
        """How many bytes arrived on stalled connections so far: more than none says that a stall was felt."""
        self.passed = 0
        """How many bytes were passed on so far."""
        self.accepted = 0
        """How many connections were made so far."""
        self.reset = 0
        """How many connections `cut` ended so far."""
        self._links: set[_Link] = set()
        self._new_pass = True
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_ANSWER_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_ANSWER_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_SECONDS)
        self._loop.close()

    def url(self, original: str) -> str:
        """Give a broker's URL with this proxy's place in it; one of a Unix socket becomes one of Redis over TCP."""
        parts = urlsplit(original)
        if parts.scheme in ("redis+socket", "valkey+socket", "unix"):
            query = parse_qs(parts.query)
            database = (query.get("virtual_host") or query.get("db") or ["0"])[0]
            user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
            return f"redis://{user}{HOST}:{self.port}/{database}"
        user, at, _ = parts.netloc.rpartition("@")
        before = f"{parts.scheme}://{parts.netloc}"
        return f"{parts.scheme}://{user}{at}{HOST}:{self.port}" + original[len(before) :]

    def stall(self) -> None:
        """Let no byte through on the connections that exist, and keep them open; new ones work."""
        self._in_loop(self._hold)

    def stall_all(self) -> None:
        """Let no byte through, on new connections neither."""

        def hold_all() -> None:
            self._new_pass = False
            self._hold()

        self._in_loop(hold_all)

    def stall_replies(self) -> None:
        """Let no byte of the server's through on the connections that exist; what it is told still arrives there."""

        def hold_replies() -> None:
            for link in self._links:
                link.replies.clear()

        self._in_loop(hold_replies)

    def resume(self) -> None:
        """Pass everything again, what was kept back too, and accept connections again."""

        def release() -> None:
            self._new_pass = True
            for link in self._links:
                link.release()

        self._in_loop(release)
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_ANSWER_SECONDS)

    def cut(self) -> int:
        """Reset every open connection; give how many there were. New ones work."""

        def cut_all() -> int:
            links = list(self._links)
            for link in links:
                link.break_off()
            self.reset += len(links)
            return len(links)

        return self._in_loop(cut_all)

    def refuse(self) -> None:
        """Refuse new connections, as a server does that is not there; those that exist go on."""

        def close() -> None:
            if self._server:
                self._server.close()
                self._server = None

        self._in_loop(close)

    def _hold(self) -> None:
        for link in self._links:
            link.requests.clear()
            link.replies.clear()

    def _in_loop(self, function: Callable[[], Value]) -> Value:
        async def call() -> Value:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_ANSWER_SECONDS)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=CHUNK)

    async def _end(self) -> None:
        if self._server:
            self._server.close()
        for link in list(self._links):
            link.break_off()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link(writer, passing=self._new_pass)
        self._links.add(link)
        try:
            await self._serve(link, reader, writer)
        except (OSError, asyncio.CancelledError):  # the server is not there, or all ends: nobody waits for this task
            link.break_off()
        finally:
            self._links.discard(link)

    async def _serve(self, link: "_Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await self._connect()
        try:
            link.add(back)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link.requests, reader, back))
                group.create_task(self._pump(link.replies, there, writer))
            link.close()
        except* OSError:
            link.break_off()  # one side is gone without a word; so the other one learns it

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._socket_path is not None:
            return await asyncio.open_unix_connection(self._socket_path, limit=CHUNK)
        return await asyncio.open_connection(*self._target, limit=CHUNK)

    async def _pump(self, passing: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if not passing.is_set():
                self.blocked += len(data)
            await passing.wait()
            writer.write(data)
            await writer.drain()
            self.passed += len(data)
        await passing.wait()  # over a half-open connection no end arrives either
        if writer.can_write_eof():
            with contextlib.suppress(OSError):
                writer.write_eof()


class _Link:
    """One client's connection and the one made for it to the server."""

    def __init__(self, writer: asyncio.StreamWriter, *, passing: bool) -> None:
        self.requests, self.replies = asyncio.Event(), asyncio.Event()
        if passing:
            self.release()
        self._broken = False
        self._writers: list[asyncio.StreamWriter] = []
        self.add(writer)

    def add(self, writer: asyncio.StreamWriter) -> None:
        """Take the connection to the server in; it ends at once if the client's has."""
        writer.transport.set_write_buffer_limits(high=CHUNK)
        self._writers.append(writer)
        if self._broken:
            self.break_off()

    def release(self) -> None:
        """Pass bytes in both directions."""
        self.requests.set()
        self.replies.set()

    def close(self) -> None:
        """End both connections once everything has been sent."""
        for writer in self._writers:
            writer.close()

    def break_off(self) -> None:
        """End both connections, at once and with a reset."""
        self._broken = True
        for writer in self._writers:
            if not writer.transport.is_closing():
                end = writer.get_extra_info("socket")
                if end is not None and end.family != socket.AF_UNIX:
                    with contextlib.suppress(OSError):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
        self.release()
