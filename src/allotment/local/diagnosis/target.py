"""What a URL leads to, as far as one can tell without asking."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from allotment.model.address import each_url, host_and_port, leads_somewhere, without_secrets


class Family(StrEnum):
    """Which protocol a server is to speak."""

    AMQP = "AMQP 0-9-1"
    REDIS = "the Redis protocol"
    OTHER = "another protocol"


_FAMILIES = {
    **dict.fromkeys(("amqp", "pyamqp", "amqps"), Family.AMQP),
    **dict.fromkeys(("redis", "rediss", "valkey", "valkeys", "redis+socket"), Family.REDIS),
}
_ENCRYPTED = frozenset({"amqps", "rediss", "valkeys"})
_OTHER_PORTS = {"postgresql": 5432, "mysql": 3306, "mongodb": 27017, "memcached": 11211}
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Target:
    """A server to look at: at a host and port, at a Unix socket, or, where it is none, nowhere.

    `shown` is the URL without secrets. `encrypted` says whether TLS is to be spoken.
    """

    url: str = field(repr=False)
    shown: str
    family: Family
    encrypted: bool
    host: str | None = None
    port: int | None = None
    socket_path: str | None = None

    @property
    def usual_scheme(self) -> str:
        """The scheme that says this protocol without TLS."""
        return "amqp" if self.family is Family.AMQP else "redis"

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine's own, or, in a container, the container's."""
        if self.host is None or self.host == "localhost" or self.host.endswith(".localhost"):
            return self.host is not None
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def user(self) -> str | None:
        """The user's name in the URL, decoded."""
        return unquote(urlsplit(self.url).username or "") or None

    def hide(self, text: str) -> str:
        """Give the text without the password, in whichever form it is written in the URL."""
        for url in each_url(self.url):
            password = urlsplit(url).password or ""
            for secret in filter(None, (password, unquote(password))):
                text = text.replace(secret, _HIDDEN)
        return without_secrets(text)


def target_of(url: str, *, encrypted: bool = False) -> Target | None:
    """Read one URL; None where it is not one. `encrypted`: TLS is asked for elsewhere than in the scheme."""
    if not leads_somewhere(url):
        return None
    scheme = url.partition("://")[0].lower()
    family = _FAMILIES.get(scheme, Family.OTHER)
    target = Target(url, without_secrets(url), family, encrypted=encrypted or scheme in _ENCRYPTED)
    parts = urlsplit(url)
    if scheme == "redis+socket":
        path = unquote(parts.netloc.rpartition("@")[2] + parts.path)
        return _at(target, socket_path=path)
    if family is Family.OTHER:
        names = scheme.split("+")
        usual = next((port for name, port in _OTHER_PORTS.items() if name in names), None)
        port = parts.port or usual
        return _at(target, host=parts.hostname, port=port) if parts.hostname and port else target
    host, port = host_and_port(url) or ("localhost", 0)
    return _at(target, host=unquote(host), port=port)


def _at(target: Target, *, host: str | None = None, port: int | None = None, socket_path: str | None = None) -> Target:
    return Target(target.url, target.shown, target.family, target.encrypted, host, port, socket_path)
