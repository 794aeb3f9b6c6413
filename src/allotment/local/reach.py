"""Whether anybody listens where a broker should be, and what to try if not."""

import socket

from allotment.errors import BrokerUnreachable
from allotment.local.diagnosis.causes import explained
from allotment.local.diagnosis.faults import fault_of
from allotment.local.diagnosis.surroundings import surroundings
from allotment.local.diagnosis.target import target_of
from allotment.model.address import each_url, host_and_port, without_secrets

CONNECT_TIMEOUT = 4.0
"""Seconds."""


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
    target = target_of(url)
    if target is None:
        return BrokerUnreachable(f"{without_secrets(url)!r} is not an address", hint="write scheme://host:port/name")
    reason = target.hide(str(error)) or type(error).__name__
    where = f"host {target.host}, port {target.port}: " if target.host else ""
    told = explained(fault_of(error), target, surroundings(), error)
    return BrokerUnreachable(
        f"the broker at {target.shown} cannot be used ({where}{reason})",
        hint=f"{told.cause}; {told.remedy}; `allot doctor` looks at each step",
    )
