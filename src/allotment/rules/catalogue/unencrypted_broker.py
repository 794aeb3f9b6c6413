"""Messages cross the network unencrypted, the broker's password before them."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from allotment.model.address import each_url, host_and_port
from allotment.rules.hosts import is_private
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

_ENCRYPTED = {"amqp": "amqps", "pyamqp": "amqps", "redis": "rediss", "valkey": "valkeys"}
"""The schemes without TLS, each with the one that has it."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find addresses without TLS that lead to another machine; what one network alone knows does not count."""
    broker = subject.model.broker
    if broker is None or broker.embedded or subject.value("broker_use_ssl"):
        return
    far = {url: host for url in each_url(broker.value) if (host := _host_in_the_clear(url)) is not None}
    if far:
        scheme = _ENCRYPTED[next(iter(far)).partition("://")[0]]
        yield Finding(
            f"what is sent to the broker at {a_few(list(far.values()))} crosses the network unencrypted",
            f"have the broker take TLS, and write {scheme}:// in its address",
            (Label(("broker",), "an address without TLS"),),
        )


def _host_in_the_clear(url: str) -> str | None:
    """Give the host of another machine that this URL leads to without TLS; None where it does not.

    Kombu takes parameters for TLS from the address too: `ssl`, and all that begin with `ssl_` (`kombu/utils/url.py`).
    """
    found = host_and_port(url) if url.partition("://")[0] in _ENCRYPTED else None
    if found is None or is_private(found[0]):
        return None
    encrypted = any(name == "ssl" or name.startswith("ssl_") for name, _ in parse_qsl(urlsplit(url).query))
    return None if encrypted else found[0]
