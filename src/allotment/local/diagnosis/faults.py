"""Which of the known faults an error stands for: by its type, else by the words of brokers and their libraries."""

import errno
import socket
import ssl
from enum import Enum, auto


class Fault(Enum):
    """What may be wrong with an address, a server, or the way there."""

    NO_TRANSPORT = auto()
    NO_BACKEND = auto()
    NOT_INSTALLED = auto()
    BAD_OPTION = auto()
    NO_HOST = auto()
    NO_ROUTE = auto()
    REFUSED = auto()
    TIMEOUT = auto()
    CLOSED = auto()
    NO_SOCKET = auto()
    SOCKET_FORBIDDEN = auto()
    SILENT = auto()
    OTHER_PROTOCOL = auto()
    PLAIN_SERVER = auto()
    TLS_SERVER = auto()
    TLS_OTHER = auto()
    TLS_FILE = auto()
    TLS_IN_URL = auto()
    CLIENT_CERTIFICATE = auto()
    UNTRUSTED = auto()
    EXPIRED = auto()
    NOT_YET_VALID = auto()
    OTHER_NAME = auto()
    LOGIN_NEEDED = auto()
    LOGIN_REFUSED = auto()
    GUEST_FROM_AFAR = auto()
    NO_VIRTUAL_HOST = auto()
    VIRTUAL_HOST_FORBIDDEN = auto()
    NO_DATABASE = auto()
    NOT_PERMITTED = auto()
    PROTECTED = auto()
    TOO_OLD = auto()
    TOO_MANY_CLIENTS = auto()
    LOADING = auto()
    READ_ONLY = auto()
    FULL = auto()
    NOT_SAVING = auto()
    ALARM = auto()
    UNKNOWN = auto()


_TYPES: tuple[tuple[type[BaseException], Fault], ...] = (
    (socket.gaierror, Fault.NO_HOST),
    (TimeoutError, Fault.TIMEOUT),
    (ConnectionRefusedError, Fault.REFUSED),
    (ConnectionResetError, Fault.CLOSED),
    (BrokenPipeError, Fault.CLOSED),
    (ssl.SSLEOFError, Fault.CLOSED),
    (FileNotFoundError, Fault.NO_SOCKET),
    (PermissionError, Fault.SOCKET_FORBIDDEN),
    (ImportError, Fault.NOT_INSTALLED),
    (TypeError, Fault.BAD_OPTION),  # options become arguments
)
_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})

# openssl/x509_vfy.h: the codes of what was wrong with a certificate
_CERTIFICATES = {9: Fault.NOT_YET_VALID, 10: Fault.EXPIRED, 62: Fault.OTHER_NAME, 64: Fault.OTHER_NAME}

_WORDS: tuple[tuple[tuple[str, ...], Fault], ...] = (
    # kombu's and Celery's on a scheme (`kombu/transport/__init__.py`, `celery/app/backends.py`)
    (("no such transport",), Fault.NO_TRANSPORT),
    (("invalid transport scheme",), Fault.NO_TRANSPORT),
    (("unknown result backend",), Fault.NO_BACKEND),
    # RabbitMQ's replies to connection.open and to a login
    (("vhost", "not found"), Fault.NO_VIRTUAL_HOST),
    (("access to vhost",), Fault.VIRTUAL_HOST_FORBIDDEN),
    (("login was refused",), Fault.LOGIN_REFUSED),
    (("access_refused", "refused for user"), Fault.NOT_PERMITTED),
    # those of Redis and Valkey, whose first word redis-py takes off where it makes a class of it
    (("invalid username-password",), Fault.LOGIN_REFUSED),
    (("wrongpass",), Fault.LOGIN_REFUSED),
    (("hello must be called",), Fault.LOGIN_NEEDED),
    (("authentication required",), Fault.LOGIN_NEEDED),
    (("noauth",), Fault.LOGIN_NEEDED),
    (("db index",), Fault.NO_DATABASE),
    (("database is int",), Fault.NO_DATABASE),
    (("no permissions",), Fault.NOT_PERMITTED),
    (("noperm",), Fault.NOT_PERMITTED),
    (("protected mode",), Fault.PROTECTED),
    (("unknown command", "hello"), Fault.TOO_OLD),
    (("max number of clients",), Fault.TOO_MANY_CLIENTS),
    (("loading the dataset",), Fault.LOADING),
    (("read only replica",), Fault.READ_ONLY),
    (("used memory > 'maxmemory'",), Fault.FULL),
    (("misconf",), Fault.NOT_SAVING),
    # those of Python and OpenSSL, passed on as text by a library
    (("access_refused",), Fault.LOGIN_REFUSED),
    (("connection refused",), Fault.REFUSED),
    (("timed out",), Fault.TIMEOUT),
    (("timeout",), Fault.TIMEOUT),
    (("name or service",), Fault.NO_HOST),
    (("nodename",), Fault.NO_HOST),
    (("name resolution",), Fault.NO_HOST),
    (("getaddrinfo",), Fault.NO_HOST),
    (("wrong version number",), Fault.PLAIN_SERVER),
    (("record layer failure",), Fault.PLAIN_SERVER),
    (("certificate required",), Fault.CLIENT_CERTIFICATE),
    (("certificate has expired",), Fault.EXPIRED),
    (("certificate verify failed",), Fault.UNTRUSTED),
    (("[ssl",), Fault.TLS_OTHER),
    (("no such file",), Fault.NO_SOCKET),
    (("closed",), Fault.CLOSED),
    (("reset by peer",), Fault.CLOSED),
)


def fault_of(error: BaseException) -> Fault:
    """Say which fault an error stands for, or the one that caused it."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(error.verify_code, Fault.UNTRUSTED)
    found = next((fault for kind, fault in _TYPES if isinstance(error, kind)), None)
    if found is not None:
        return found
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return Fault.NO_ROUTE
    said = str(error).lower()
    return next((fault for words, fault in _WORDS if all(word in said for word in words)), Fault.UNKNOWN)
