"""An app for programs that have no Celery app: its addresses come from the environment."""

from collections.abc import Mapping
from typing import Any

from celery import Celery

from allotment.backends.addresses import BROKER_VARIABLE, RESULT_VARIABLE, Addresses
from allotment.engine.addresses import broker_url, results_url
from allotment.errors import VariableInvalid
from allotment.model.address import Address

USUAL_BROKER = "amqp://guest:guest@localhost:5672//"
"""Where Celery looks, too, if nothing says where the broker is."""


def app_from_environment(name: str, environment: Mapping[str, str], **settings: Any) -> Celery:
    """Make an app whose broker is where BROKER_URL or RABBITMQ_HOST, _PORT, _USER, _PASSWORD and _VHOST say.

    Results are at RESULT_URL; left out, `rpc://` over RabbitMQ and the broker itself with Redis and Valkey. `settings`
    are Celery's, and go before these. Raises VariableInvalid.
    """
    said = Addresses.of(environment)
    broker, results = said.broker or Address(USUAL_BROKER), said.results
    for variable, address in ((BROKER_VARIABLE, broker), (RESULT_VARIABLE, results)):
        if address is not None and address.embedded:
            raise VariableInvalid(
                f"{variable} is 'embedded', which only a fleet has",
                hint="give the address of a server, or install the fleet on an app: Fleet.load().install(app)",
            )
    app = Celery(name, set_as_current=False)
    # a message that RabbitMQ does not take is only seen under confirms; Redis answers each push
    confirmed = {} if broker.speaks_redis else {"broker_transport_options": {"confirm_publish": True}}
    addresses = {
        "broker_url": broker_url(broker, _NO_EMBEDDED),
        "result_backend": results_url(results, broker, _NO_EMBEDDED),
    }
    app.conf.update(confirmed | addresses | {"broker_connection_retry_on_startup": True} | settings)
    return app


_NO_EMBEDDED: Any = None
"""An embedded broker was refused above, so nobody asks this."""
