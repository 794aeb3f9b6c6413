"""One address through all steps, until the first that fails."""

from collections.abc import Iterator
from typing import Any

from kombu import Connection

from allotment.engine.diagnosis.rabbitmq import rabbitmq_checks
from allotment.engine.diagnosis.redis_family import redis_checks
from allotment.engine.diagnosis.understood import broker_fault, results_fault
from allotment.local.diagnosis.check import Check, Status
from allotment.local.diagnosis.greeting import unencrypted
from allotment.local.diagnosis.network import Look, SocketAddress, connect, resolve
from allotment.local.diagnosis.surroundings import Surroundings
from allotment.local.diagnosis.target import Family, target_of
from allotment.local.diagnosis.tls import handshake
from allotment.local.diagnosis.tls_options import tls_options
from allotment.model.address import without_secrets


def server_checks(
    url: str, around: Surroundings, timeout: float, use_ssl: Any = None, *, results: bool = False
) -> Iterator[Check]:
    """Look at the server of one URL, a broker's or one for results; `timeout` is in seconds, for each step.

    `use_ssl` is Celery's broker_use_ssl or redis_backend_use_ssl, None where it is not set.
    """
    target = target_of(url, encrypted=bool(use_ssl))
    if target is None:
        yield _no_address(url)
        return
    look = Look(target, around, timeout)
    fault = results_fault(url) if results else broker_fault(url)
    if fault is not None:
        yield look.failed("address", fault)
        return
    yield Check("address", Status.OK, target.shown)
    for check in _steps(look, use_ssl, results=results):
        yield check
        if check.failed:
            return


def _steps(look: Look, use_ssl: Any, *, results: bool) -> Iterator[Check]:
    target = look.target
    if target.host is None and target.socket_path is None:
        yield Check("connection", Status.UNKNOWN, "this address names no host: there is nothing to connect to")
        return
    addresses: tuple[SocketAddress, ...] = ()
    if target.host is not None:
        named, addresses = resolve(look)
        yield named
        if named.failed:
            return
    yield connect(look, addresses)
    if target.family is Family.OTHER:
        yield Check("login", Status.UNKNOWN, "a kind of server that is not looked at further than that it listens")
        return
    tls = tls_options(target, use_ssl) if target.encrypted else None
    yield handshake(look, tls) if tls is not None else unencrypted(look)
    if target.family is Family.AMQP:
        yield from rabbitmq_checks(look, use_ssl)
    else:
        yield from redis_checks(look, tls, None if results else Connection(target.url, ssl=use_ssl or False))


def _no_address(url: str) -> Check:
    scheme = without_secrets(url).partition("://")[0]
    what = f"what begins with {scheme}:// cannot be read" if "://" in url else "there is no scheme:// in it"
    return Check(
        "address",
        Status.FAILED,
        f"it is no address: {what}",
        "a port that is no number, or a sign of the user or the password (one of / ? # @ : % and spaces) that is not"
        " percent-encoded",
        "write scheme://USER:PASSWORD@HOST:PORT/NAME; python3 -c 'import urllib.parse as u;"
        ' print(u.quote(input(), safe=""))\' encodes a password',
    )
