"""The broker's address from the variables that programs without a fleet file are given."""

from collections.abc import Mapping
from ipaddress import IPv6Address
from urllib.parse import quote

from allotment.errors import VariableInvalid
from allotment.model.address import EMBEDDED, address, leads_somewhere

USUAL_PORT = 5672
"""The port of AMQP, where `RABBITMQ_PORT` is not set."""

_LARGEST_PORT = 65535
_NOT_IN_A_HOST = frozenset("/?#@%[]\\:")


def broker_from_environment(environment: Mapping[str, str]) -> str | None:
    """Give the broker's URL that an environment names; None where it names none.

    `BROKER_URL` goes first and is given back as it is. Else `RABBITMQ_HOST`, with `RABBITMQ_PORT`, `RABBITMQ_USER`,
    `RABBITMQ_PASSWORD` and `RABBITMQ_VHOST`, makes an `amqp://` URL in which user, password and virtual host are
    percent-encoded. A variable that is empty counts as not set. The URL may hold a password.

    Raises VariableInvalid, which names the variable and repeats no secret.
    """
    url = environment.get("BROKER_URL")
    if url:
        return _whole(url)
    host = environment.get("RABBITMQ_HOST")
    if not host:
        return None
    place = f"{_host(host)}:{_port(environment.get('RABBITMQ_PORT'))}"
    virtual_host = quote(environment.get("RABBITMQ_VHOST") or "/", safe="")
    return f"amqp://{_login(environment)}{place}/{virtual_host}"


def _whole(url: str) -> str:
    try:
        address(url)
    except ValueError as error:
        raise VariableInvalid(f"BROKER_URL is not an address: {error}", hint=_URL_HINT) from None
    if url != EMBEDDED and not leads_somewhere(url):
        raise VariableInvalid("BROKER_URL is not an address", hint=_URL_HINT)
    return url


_URL_HINT = "write scheme://host:port/name, for example amqp://rabbit:5672//, and percent-encode user and password"


def _login(environment: Mapping[str, str]) -> str:
    """Give `user:password@`, or nothing where neither is set: then the client takes the server's usual guest."""
    user, password = environment.get("RABBITMQ_USER"), environment.get("RABBITMQ_PASSWORD")
    if not user and not password:
        return ""
    return f"{quote(user or 'guest', safe='')}:{quote(password or '', safe='')}@"


def _host(host: str) -> str:
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare:
        try:
            return f"[{IPv6Address(bare)}]"
        except ValueError:
            pass
    if any(sign in _NOT_IN_A_HOST or sign.isspace() or not sign.isprintable() for sign in host):
        raise VariableInvalid(
            "RABBITMQ_HOST is not the name of a host",
            hint="give the name or the IP address alone; a whole URL belongs in BROKER_URL, the port in RABBITMQ_PORT",
        )
    return host


def _port(port: str | None) -> int:
    if not port:
        return USUAL_PORT
    if port.isascii() and port.isdecimal() and len(port) <= len(str(_LARGEST_PORT)) and 0 < int(port) <= _LARGEST_PORT:
        return int(port)
    hint = f"give a number from 1 to {_LARGEST_PORT}"
    if port.startswith("tcp://"):
        # https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
        hint = (
            "Kubernetes sets it so for a Service named `rabbitmq`: set RABBITMQ_PORT in the container,"
            " or `enableServiceLinks: false` in the pod"
        )
    raise VariableInvalid("RABBITMQ_PORT is not the number of a port", hint=hint)
