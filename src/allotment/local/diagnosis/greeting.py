"""Which language a server speaks: its protocol in plain, TLS, another one, or none."""

import contextlib
import socket
import ssl
from enum import Enum, auto

from allotment.local.diagnosis.check import Check, Status, Stopwatch
from allotment.local.diagnosis.faults import Fault
from allotment.local.diagnosis.network import Look, connected, hang_up
from allotment.local.diagnosis.target import Family, Target


class Spoken(Enum):
    """What a server answered with."""

    PLAIN = auto()
    TLS = auto()
    OTHER = auto()
    NOTHING = auto()


# the header of a connection (AMQP 0-9-1 specification, 4.2.2), and a command that needs no login to be answered
GREETINGS = {Family.AMQP: b"AMQP\x00\x00\x09\x01", Family.REDIS: b"PING\r\n"}
_ANSWERS = {Family.AMQP: (b"\x01\x00\x00", b"AMQP"), Family.REDIS: (b"+", b"-")}
_ALERT = b"\x15\x03"
"""The beginning of a TLS alert (RFC 8446, 5.1)."""
_LONGEST_ANSWER = 64


def unencrypted(look: Look) -> Check:
    """See that the server speaks its protocol without TLS, as the scheme says."""
    watch = Stopwatch()
    found = spoken(look.target, look.timeout)
    if found is Spoken.PLAIN:
        return Check("protocol", Status.OK, f"{look.target.family}, without TLS", milliseconds=watch.milliseconds)
    faults = {Spoken.TLS: Fault.TLS_SERVER, Spoken.OTHER: Fault.OTHER_PROTOCOL, Spoken.NOTHING: Fault.SILENT}
    return look.failed("protocol", faults[found], watch)


def spoken(target: Target, timeout: float) -> Spoken:
    """Greet the server in plain, then in TLS, then in another protocol, until it answers; in so many seconds in all."""
    share = timeout / 3
    answer = _answer(target, target.family, share)
    if answers(target.family, answer):
        return Spoken.PLAIN
    if answer.startswith(_ALERT) or _takes_tls(target, share):
        return Spoken.TLS
    others = (family for family in GREETINGS if family is not target.family)
    return Spoken.OTHER if answer or any(_answer(target, family, share) for family in others) else Spoken.NOTHING


def _answer(target: Target, family: Family, timeout: float) -> bytes:
    """Greet on a connection of its own; nothing where it is not answered."""
    with contextlib.suppress(OSError):
        connection = connected(target, timeout)
        try:
            return greeted(connection, family)
        finally:
            hang_up(connection)
    return b""


def greeted(connection: socket.socket, family: Family) -> bytes:
    """Say the protocol's greeting and give the beginning of the answer; empty: the server closed. Raises OSError."""
    connection.sendall(GREETINGS[family])
    return connection.recv(_LONGEST_ANSWER)


def answers(family: Family, answer: bytes) -> bool:
    """Say whether an answer to the greeting is one of the protocol."""
    return answer.startswith(_ANSWERS[family])


def _takes_tls(target: Target, timeout: float) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only whether it is TLS is asked here; nothing is sent
    try:
        connection = connected(target, timeout)
    except OSError:
        return False
    try:
        connection = context.wrap_socket(connection, server_hostname=target.host)
    except OSError:
        return False
    finally:
        hang_up(connection)
    return True
