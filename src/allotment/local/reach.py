"""Whether anybody listens where a broker should be, and what to try if not."""

import socket

from allotment.errors import BrokerUnreachable
from allotment.model.address import each_url, host_and_port, without_secrets

CONNECT_TIMEOUT = 4.0
"""Seconds."""

_REMEDIES = (
    (
        ("access_refused", "access refused", "auth", "password", "login"),
        "it answers but refuses the user: correct the user and password in `broker:`",
    ),
    (("refused",), "nothing listens on port {port} of {host}: start the broker there, or correct `broker:`"),
    (("timed out", "timeout"), "no answer in time: is a firewall between here and {host}? try `nc -vz {host} {port}`"),
    (("name or service", "nodename", "resolution", "getaddrinfo"), "no such host: try `getent hosts {host}`"),
    (("ssl", "tls", "certificate"), "use rediss:// or amqps:// where the broker speaks TLS, and only there"),
    (("no such file",), "its socket is not there: start the fleet with `allot up`"),
)


def check_listening(url: str, timeout: float = CONNECT_TIMEOUT) -> None:
    """Connect to the host and port of a URL and hang up; of several, one must answer. A URL without a host passes.

    Raises BrokerUnreachable.
    """
    failed = None
    for one in each_url(url):
        place = host_and_port(one)
        if place is None:
            return
        try:
            socket.create_connection(place, timeout).close()
        except OSError as error:
            failed = failed or unreachable(one, error)
        else:
            return
    if failed is not None:
        raise failed


def unreachable(url: str, error: BaseException) -> BrokerUnreachable:
    """Put an error from a broker's connection into words: which host, which port, what to try."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = without_secrets(str(error)) or type(error).__name__
    place = host_and_port(url)
    host, port = place or ("localhost", 0)
    where = f"host {host}, port {port}: " if place else ""
    remedy = next((text for words, text in _REMEDIES if any(word in reason.lower() for word in words)), None)
    return BrokerUnreachable(
        f"the broker at {without_secrets(url)} cannot be used ({where}{reason})",
        hint=(remedy or "check `broker:` in the fleet file, and try `nc -vz {host} {port}`").format(
            host=host, port=port
        ),
    )
