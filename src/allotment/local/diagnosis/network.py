"""The first steps to a server: its name, and a connection."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

from allotment.local.diagnosis.causes import explained
from allotment.local.diagnosis.check import Check, Status, Stopwatch
from allotment.local.diagnosis.faults import Fault, fault_of
from allotment.local.diagnosis.surroundings import Surroundings
from allotment.local.diagnosis.target import Target

SocketAddress = tuple[int, Any]
"""A family of addresses and an address of it, as `socket` takes them."""

NAME = "name"
CONNECTION = "connection"
_LEAST_TIME = 0.05
"""Seconds that the last of several addresses gets at least."""


@dataclass(frozen=True, slots=True)
class Look:
    """How to look at one server: which, from where, and how many seconds each step may take."""

    target: Target
    around: Surroundings
    timeout: float

    def failed(self, name: str, error: BaseException | Fault, watch: Stopwatch | None = None) -> Check:
        """Make a failed check of an error, or of a fault that was recognised."""
        fault = error if isinstance(error, Fault) else fault_of(error)
        if fault is Fault.TIMEOUT and name != CONNECTION:
            fault = Fault.SILENT
        told = explained(fault, self.target, self.around, None if isinstance(error, Fault) else error)
        milliseconds = watch.milliseconds if watch else None
        return Check(name, Status.FAILED, told.detail, told.cause, told.remedy, milliseconds)


def resolve(look: Look) -> tuple[Check, tuple[SocketAddress, ...]]:
    """Look up the host's name; give the addresses it has."""
    target, watch = look.target, Stopwatch()
    try:
        found = _addresses(target, look.timeout)
    except OSError:
        return look.failed(NAME, Fault.NO_HOST, watch), ()
    texts = ", ".join(dict.fromkeys(str(address[0]) for _, address in found))
    detail = f"{target.host} is an address" if texts == target.host else f"{target.host} is {texts}"
    return Check(NAME, Status.OK, detail, milliseconds=watch.milliseconds), found


def _addresses(target: Target, timeout: float) -> tuple[SocketAddress, ...]:
    """Ask for the addresses, at most so many seconds: the system's own answer may take minutes and knows no limit."""
    found: list[SocketAddress] = []
    failures: list[OSError] = [socket.gaierror(socket.EAI_AGAIN, "no answer in time")]

    def ask() -> None:
        try:
            for family, _, _, _, address in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM):
                found.append((family, address))
        except (OSError, UnicodeError) as error:
            failures.append(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "no name"))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout)
    if asking.is_alive() or not found:
        raise failures[-1]
    return tuple(found)


def connect(look: Look, addresses: tuple[SocketAddress, ...]) -> Check:
    """Open a connection and hang up: to the Unix socket, or to one of the addresses, in the order they came in."""
    target = look.target
    places: tuple[SocketAddress, ...] = addresses or ((socket.AF_UNIX, target.socket_path),)
    failure: OSError | None = None
    watch, deadline = Stopwatch(), time.monotonic() + look.timeout
    for place in places:
        try:
            hang_up(opened(place, max(_LEAST_TIME, deadline - time.monotonic())))
        except OSError as error:
            failure = failure or error
        else:
            where = target.socket_path or f"port {target.port} of {place[1][0]}"
            return Check(CONNECTION, Status.OK, f"{where} answers", milliseconds=watch.milliseconds)
    return look.failed(CONNECTION, failure or Fault.NO_HOST, watch)


def opened(place: SocketAddress, timeout: float) -> socket.socket:
    """Open a connection, which keeps the timeout. Raises OSError."""
    family, address = place
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def connected(target: Target, timeout: float) -> socket.socket:
    """Open a connection to a target that was reached before. Raises OSError."""
    if target.socket_path is not None:
        return opened((socket.AF_UNIX, target.socket_path), timeout)
    return socket.create_connection((target.host or "localhost", target.port or 0), timeout)


def hang_up(connection: socket.socket) -> None:
    """Close a connection, whatever became of it."""
    with contextlib.suppress(OSError):
        connection.close()
