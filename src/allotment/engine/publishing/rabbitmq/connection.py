"""A connection to RabbitMQ on which nothing is waited for longer than the message that is being published has."""

import os
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from amqp import spec
from amqp.exceptions import RecoverableConnectionError
from amqp.method_framing import frame_writer
from kombu.transport import pyamqp

from allotment.engine.publishing.attempt import current, within
from allotment.engine.publishing.connecting import by_the_deadline
from allotment.engine.publishing.rabbitmq.answering import Answering
from allotment.engine.publishing.rabbitmq.channel import Channel

_LEAST = 0.05
"""Seconds for which a frame is read at least: with none, py-amqp spins while the rest of a frame is under way."""

_JOINED = 32 * 1024
"""Bytes that are written at once where many messages are."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST in place of FIN (socket(7))."""


class Connection(Answering, pyamqp.Connection):
    """One that knows whether the broker blocks it.

    RabbitMQ tells a connection so when it publishes while memory or disk are short, and not before: it reads what is
    published up to the header of the first message and nothing more until the alarm is over (`rabbit_reader.erl`,
    `maybe_block`; measured with 3.10). `blocked` is the reason, None where it is not known to be blocked.
    """

    Channel = Channel

    # with the reason, which py-amqp leaves out (https://www.rabbitmq.com/docs/connection-blocked)
    _METHODS = pyamqp.Connection._METHODS | {spec.Connection.Blocked: spec.method(spec.Connection.Blocked, "s")}  # noqa: SLF001

    def __init__(self, *arguments: Any, connect_timeout: float | None = None, **options: Any) -> None:
        super().__init__(
            *arguments, connect_timeout=within(connect_timeout), **{"frame_writer": _timed_writer, **options}
        )
        self.blocked: str | None = None
        self.joined: bytearray | None = None
        self.took_at = float("-inf")
        _open.add(self)

    def Transport(self, *arguments: Any, **options: Any) -> Any:  # noqa: N802 - py-amqp's name
        """Make py-amqp's transport, which connects by the deadline."""
        transport = super().Transport(*arguments, **options)
        connect = transport.connect

        def connect_in_time() -> None:
            try:
                by_the_deadline(connect, lambda _: transport.close())
            except TimeoutError:
                self.transport = None  # it is left to what is still connecting
                raise

        transport.connect = connect_in_time
        return transport

    def blocking_read(self, timeout: float | None = None) -> Any:
        """Read a frame, until the deadline at the latest. One that has passed leaves the connection unusable."""
        self._check_open()
        self.flush()
        attempt = current()
        if attempt is None:
            return super().blocking_read(timeout)
        left = attempt.deadline.left()
        if timeout is not None and timeout < left:
            return super().blocking_read(max(timeout, _LEAST))
        try:
            return super().blocking_read(max(left, _LEAST))
        except TimeoutError:
            self.abort()
            raise

    def heard(self, seconds: float) -> bool:
        """Read what comes within some seconds; say whether something came. The connection can be used further."""
        self._check_open()
        self.flush()
        if not self._has_arrived(seconds):
            return False
        try:
            super().blocking_read(max(seconds, _LEAST))
        except TimeoutError:
            return False
        return True

    def _has_arrived(self, seconds: float) -> bool:
        transport: Any = self.transport
        pending = getattr(transport.sock, "pending", None)
        if transport._read_buffer or (pending is not None and pending()):  # noqa: SLF001 - there is no public way
            return True
        poll = select.poll()
        poll.register(transport.sock, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def join_writes(self) -> None:
        """Write many frames at once from now on: when they are many, before anything is read, and at `flush`."""
        if self.joined is None:
            self.joined = bytearray()

    def flush(self, *, stop: bool = False) -> None:
        """Write what was held back; `stop`: hold nothing back any more."""
        joined, self.joined = self.joined, None
        if joined and self.transport is not None:
            _TimedWrites(self, self.transport).write(joined)
        if not stop and joined is not None:
            self.joined = bytearray()

    def took(self) -> None:
        """Note that the broker took a message now."""
        self.took_at = time.monotonic()

    def close(self, *arguments: Any, **options: Any) -> Any:
        """Close as py-amqp does; a broker that reads nothing is not waited for."""
        return self.abort() if self.blocked is not None else super().close(*arguments, **options)

    def abort(self) -> None:
        """Close without a word. The broker then drops what it has not read yet; after FIN it reads that first."""
        transport = self._transport
        if transport is not None and transport.sock is not None:
            with suppress(OSError):
                transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                transport.sock.close()
            transport.sock = None  # of an encrypted one, py-amqp would wait for the other side's goodbye
        self.collect()

    def leave(self) -> None:
        """Let go of it in a forked process: kombu would end it for the parent too (`amqp/transport.py`, `close`)."""
        transport = self._transport
        if transport is not None and transport.sock is not None:
            with suppress(OSError):
                os.close(transport.sock.detach())
            transport.sock = None
        self.collect()

    def _check_open(self) -> None:
        if self.channels is None:  # py-amqp would connect again here
            raise RecoverableConnectionError("connection already closed")

    def _on_blocked(self, reason: str = "") -> None:
        self.blocked = reason or "an alarm"
        if self.on_blocked:
            self.on_blocked(self.blocked)

    def _on_unblocked(self) -> None:
        self.blocked = None
        super()._on_unblocked()


_open: WeakSet[Connection] = WeakSet()


def _leave_to_the_parent() -> None:
    for connection in tuple(_open):
        connection.leave()


os.register_at_fork(after_in_child=_leave_to_the_parent)


def _timed_writer(connection: Connection, transport: Any) -> Callable[..., None]:
    """Make py-amqp's writer of frames, on a transport each write of which ends by the deadline."""
    writer: Callable[..., None] = frame_writer(connection, _TimedWrites(connection, transport))
    return writer


class _TimedWrites:
    """What a writer of frames needs of a transport."""

    def __init__(self, connection: Connection, transport: Any) -> None:
        self._connection = connection
        self._transport = transport

    def write(self, frames: Any) -> None:
        """Write, until the deadline at the latest. Raises TimeoutError, and then the connection is closed."""
        joined = self._connection.joined
        if joined is not None:
            joined += frames
            if len(joined) >= _JOINED:
                self._connection.flush()
            return
        try:
            with self._transport.having_timeout(within(None)):
                self._transport.write(frames)
        except TimeoutError:
            self._connection.abort()  # a part of a frame may be written, after which nothing else can be
            raise
