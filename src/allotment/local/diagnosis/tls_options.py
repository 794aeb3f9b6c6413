"""What a client of Celery's asks of TLS, by the address and by the settings."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from allotment.local.diagnosis.faults import Fault
from allotment.local.diagnosis.target import Family, Target

_NONE = ("CERT_NONE", "none", ssl.CERT_NONE, None)


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Whether the server's certificate is checked, and its name; files of PEM, None: the system's, or none.

    `strict` says whether certificates must also be made as RFC 5280 has it, which Python's default context asks for
    from 3.13 on. `lenience` says why the certificate is not checked, where it is not.
    """

    checks: bool
    checks_name: bool
    strict: bool
    lenience: str = ""
    authorities: str | None = None
    certificate: str | None = None
    key: str | None = None

    def heeds(self, fault: Fault) -> bool:
        """Say whether the client refuses a certificate with this fault."""
        return self.checks and (self.checks_name or fault is not Fault.OTHER_NAME)


def tls_options(target: Target, setting: object = None) -> TlsOptions:
    """Give what a client asks for; `setting` is Celery's broker_use_ssl or redis_backend_use_ssl, if there is one."""
    given: Mapping[str, Any] = setting if isinstance(setting, Mapping) else {}
    return _of_amqp(given) if target.family is Family.AMQP else _of_redis(target.url, given)


def asks_in_url(target: Target) -> bool:
    """Say whether the address itself asks something of TLS: then with AMQP the connection fails (kombu 5.7)."""
    return any(key.startswith("ssl_") for key, _ in parse_qsl(urlsplit(target.url).query))


def _of_amqp(given: Mapping[str, Any]) -> TlsOptions:
    """Give what py-amqp makes of its options (`amqp/transport.py`, `_wrap_socket_sni`).

    It makes a context of its own, checks the issuer unless told not to, and the name only where it is told one.
    """
    checks = given.get("cert_reqs", ssl.CERT_REQUIRED) not in _NONE
    named = "server_hostname" in given
    lenience = (
        "broker_use_ssl has no `server_hostname`, without which py-amqp does not look at the name"
        if checks
        else "broker_use_ssl says so (cert_reqs)"
    )
    return TlsOptions(
        checks=checks,
        checks_name=checks and named,
        strict=False,
        lenience=lenience,
        authorities=given.get("ca_certs"),
        certificate=given.get("certfile"),
        key=given.get("keyfile"),
    )


def _of_redis(url: str, given: Mapping[str, Any]) -> TlsOptions:
    """Give what redis-py makes of them; where nothing is said, kombu checks nothing (`kombu/connection.py`, 5.7)."""
    found = dict(parse_qsl(urlsplit(url).query)) | dict(given)
    said = "ssl_cert_reqs" in found or any(key.startswith("ssl_") for key in found)
    checks = said and found.get("ssl_cert_reqs", "required") not in _NONE
    names = str(found.get("ssl_check_hostname", True)).lower() != "false"
    if checks:
        lenience = "it is told not to look at the name (ssl_check_hostname)"
    elif said:
        lenience = "it is told to check nothing (ssl_cert_reqs)"
    else:
        lenience = "kombu checks nothing of Redis unless the address has ?ssl_cert_reqs=CERT_REQUIRED"
    return TlsOptions(
        checks=checks,
        checks_name=checks and names,
        strict=True,
        lenience=lenience,
        authorities=found.get("ssl_ca_certs"),
        certificate=found.get("ssl_certfile"),
        key=found.get("ssl_keyfile"),
    )
