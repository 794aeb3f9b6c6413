"""Where a broker or a result backend is, without showing its password."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

EMBEDDED = "embedded"
NO_RESULTS = "none"

BROKER_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "redis+socket", "amqp", "amqps", "pyamqp")
RESULT_SCHEMES = (*BROKER_SCHEMES, "rpc", "db+postgresql", "db+mysql", "db+sqlite", "mongodb", "memcached", "file")
_REDIS = ("redis", "rediss", "valkey", "valkeys", "redis+socket")

_QUERY_SECRET = re.compile(r"((?:password|passwd|token|secret|key)[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A broker's or result backend's address.

    `value` may hold a password and is left out of the representation; `written` is the text of the file, with its
    `${NAME}`, so that what is rendered refers to the environment instead of repeating a secret.
    """

    value: str = field(repr=False)
    written: str | None = None

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


def without_secrets(url: str) -> str:
    """Give the URL with its user's name and password taken out; several URLs may be joined by `;`."""
    return ";".join(_one_without_secrets(part) for part in url.split(";"))


def _one_without_secrets(url: str) -> str:
    if "://" not in url:
        return url
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    shown_path = _QUERY_SECRET.sub(r"\1***", path)
    return f"{scheme}://{host}{slash}{shown_path}"


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
