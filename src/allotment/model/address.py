"""Where a broker or a result backend is, without showing its password."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

EMBEDDED = "embedded"
NO_RESULTS = "none"

BROKER_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "redis+socket", "amqp", "amqps", "pyamqp")
RESULT_SCHEMES = (*BROKER_SCHEMES, "rpc", "db+postgresql", "db+mysql", "db+sqlite", "mongodb", "memcached", "file")
_REDIS = ("redis", "rediss", "valkey", "valkeys", "redis+socket")

_HIDDEN_IN_QUERY = r"(?i)((?:password|passwd|token|secret|key)[^=&]*=)[^&]*"
_NEXT_URL = r";(?=[a-z+]+://)"


@dataclass(frozen=True, slots=True)
class Address:
    """A broker's or result backend's address.

    `value` may hold a password and is left out of the representation; `written` is the text of the file, with its
    `${NAME}`, so that what is rendered refers to the environment instead of repeating a secret.
    """

    value: str = field(repr=False)
    written: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def scheme(self) -> str:
        """The part before `://`, or the whole of `embedded`, `none` and `rpc`."""
        return self.value.partition("://")[0]

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded Valkey of the fleet's state folder."""
        return self.value == EMBEDDED

    @property
    def speaks_redis(self) -> bool:
        """Whether the server is of the Redis family."""
        return self.embedded or self.scheme in _REDIS

    @property
    def shown(self) -> str:
        """The address without user and password, and without what looks secret in its query."""
        return without_secrets(self.value)


def each_url(urls: str) -> list[str]:
    """Split a list of URLs joined by `;`, as for a broker with several nodes."""
    return re.split(_NEXT_URL, urls)


def without_secrets(url: str) -> str:
    """Give the URL with its user's name and password taken out, also where it is written badly.

    Several URLs may be joined by `;`. What stands before the last `@` is taken for a user and a password, whatever
    signs are in it; a query loses what looks secret.
    """
    return ";".join(_one_without_secrets(part) for part in re.split(_NEXT_URL, url))


def _one_without_secrets(url: str) -> str:
    before, at, rest = url.rpartition("@")
    scheme, separator, _ = before.partition("://")
    shown = (scheme + separator if separator else "***@") + rest if at else url
    place, question, query = shown.partition("?")
    return place + question + re.sub(_HIDDEN_IN_QUERY, r"\1***", query)


def address(text: str) -> str:
    """Give the text back if it may be an address, else raise ValueError, which repeats nothing of it."""
    if not text or any(not sign.isprintable() or sign.isspace() for sign in text):
        raise ValueError("it is empty, or holds a space or a line end")
    return text


def leads_somewhere(url: str) -> bool:
    """Say whether every URL of the list has a scheme and, if it names a port, a number for it."""
    try:
        return all("://" in part and (urlsplit(part).port or 1) > 0 for part in re.split(_NEXT_URL, url))
    except ValueError:
        return False


def host_and_port(url: str) -> tuple[str, int] | None:
    """Give the host and port a URL leads to, with the scheme's usual port; None where it leads to none."""
    parts = urlsplit(url.partition(";")[0])
    usual = {
        "redis": 6379,
        "rediss": 6379,
        "valkey": 6379,
        "valkeys": 6379,
        "amqp": 5672,
        "pyamqp": 5672,
        "amqps": 5671,
    }
    if parts.scheme not in usual:
        return None
    return parts.hostname or "localhost", parts.port or usual[parts.scheme]
