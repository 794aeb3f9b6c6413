"""What a server's certificate says: for whom, by whom, until when.

Python decodes a certificate only after it has been verified (`ssl.SSLSocket.getpeercert`), and it is those that fail
of which one wants to know. So the few fields are read here from its DER form (RFC 5280, 4.1; X.690, 8).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

_SEQUENCE_OF_EXTENSIONS = 0xA3
_VERSION = 0xA0
_UTC_TIME = 0x17
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_ALTERNATIVE_NAMES = bytes((0x55, 0x1D, 0x11))
_COMMON_NAME, _ORGANISATION = bytes((0x55, 0x04, 0x03)), bytes((0x55, 0x04, 0x0A))
_LONG_LENGTH = 0x80


@dataclass(frozen=True, slots=True)
class Certificate:
    """Names of the server, the name of who issued it, and the end of its time."""

    names: tuple[str, ...]
    issuer: str
    ends: datetime


def read_certificate(encoded: bytes) -> Certificate:
    """Read a certificate in DER form. Raises ValueError where it is none."""
    try:
        outer = next(_values(encoded))[1]
        fields = [one for one in _values(next(_values(outer))[1]) if one[0] != _VERSION]
        _, _, issuer, validity, subject, *more = fields
        ends = _time(*list(_values(validity[1]))[1])
        extensions = next((content for tag, content in more if tag == _SEQUENCE_OF_EXTENSIONS), b"")
        names = tuple(_alternative_names(extensions)) or tuple(filter(None, [_name(subject[1])]))
        return Certificate(names, _name(issuer[1]), ends)
    except (IndexError, StopIteration, RuntimeError, ValueError) as error:
        raise ValueError("no certificate in DER form") from error


def _values(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and content of each value in a row of them."""
    at = 0
    while at < len(encoded):
        tag, length = encoded[at], encoded[at + 1]
        at += 2
        if length & _LONG_LENGTH:
            count = length & ~_LONG_LENGTH
            length = int.from_bytes(encoded[at : at + count])
            at += count
        yield tag, encoded[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    """Read a time in UTC; of a two-digit year, 50 and more are of the last century (RFC 5280, 4.1.2.5.1)."""
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _name(encoded: bytes) -> str:
    """Give the common name of a subject or issuer, else its organisation, else nothing."""
    found: dict[bytes, str] = {}
    for _, parts in _values(encoded):
        for _, pair in _values(parts):
            (_, kind), (_, text) = _values(pair)
            found.setdefault(kind, text.decode("utf-8", "replace"))
    return found.get(_COMMON_NAME) or found.get(_ORGANISATION) or ""


def _alternative_names(encoded: bytes) -> Iterator[str]:
    for _, extensions in _values(encoded):
        for _, extension in _values(extensions):
            (_, kind), *_, (_, content) = _values(extension)
            if kind != _ALTERNATIVE_NAMES:
                continue
            for tag, name in _values(next(_values(content))[1]):
                if tag == _DNS_NAME:
                    yield name.decode("ascii", "replace")
                elif tag == _IP_ADDRESS:
                    yield str(ip_address(name))
