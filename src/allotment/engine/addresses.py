"""Addresses of the file as Celery takes them, and whether anybody answers there."""

from celery import Celery
from kombu import Connection

from allotment.engine.failover import ensure_connected
from allotment.local.embedded import EmbeddedBroker
from allotment.local.reach import CONNECT_TIMEOUT, unreachable
from allotment.model.address import NO_RESULTS, Address, each_url

_ALIASES = {"valkey": "redis", "valkeys": "rediss", "pyamqp": "amqp"}


def broker_url(address: Address | None, embedded: EmbeddedBroker) -> str | None:
    """Give the broker's address for Celery; None: the app's own settings hold."""
    if address is None:
        return None
    return embedded.broker_url if address.embedded else _translated(address.value)


def results_url(address: Address | None, broker: Address | None, embedded: EmbeddedBroker) -> str | None:
    """Give the result backend's address for Celery; left out, results go where messages do."""
    if address is None:
        if broker is None:
            return None
        address = broker if broker.speaks_redis else Address("rpc://")
    if address.value == NO_RESULTS:
        return "disabled://"
    return embedded.results_url if address.embedded else _with_certificates_checked(_translated(address.value))


def _with_certificates_checked(url: str) -> str:
    """Say that the server's certificate is to be checked, where the address leaves it open.

    Celery's Redis backend takes no encrypted address that does not say it (`celery/backends/redis.py`, 5.7).
    """
    if not url.startswith("rediss://") or "ssl_cert_reqs=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=CERT_REQUIRED"


def _translated(urls: str) -> str:
    """Write Valkey's schemes as Redis's, whose protocol it speaks and whose name kombu and Celery know."""
    return ";".join(_translated_one(url) for url in urls.split(";"))


def _translated_one(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{_ALIASES.get(scheme, scheme)}{separator}{rest}"


def broker_of(app: Celery) -> str:
    """Give the address an app sends to; one that names none sends where Celery does by default."""
    return str(app.conf.broker_write_url or app.conf.broker_url or "amqp://guest:guest@localhost:5672//")


def check_broker(url: str, timeout: float = CONNECT_TIMEOUT) -> None:
    """Connect and log in once; of several nodes, one has to take it. `timeout` is in seconds, for each of them.

    Raises BrokerUnreachable with the host, the port and what to try.
    """
    options = {"socket_connect_timeout": timeout, "socket_timeout": timeout}
    silent: list[BaseException] = []
    try:
        with Connection(url, connect_timeout=timeout, transport_options=options) as connection:
            ensure_connected(connection, timeout, lambda error, _: silent.append(error))
            # a Redis connection is only made when it is first used
            _ = connection.default_channel
    except Exception as error:
        # one that refuses the login is not passed over, and may be any of the list
        refusing = each_url(url)[len(silent) :]
        raise unreachable(refusing[0] if refusing and silent else url, error) from error
