"""An app whose tasks write a number into a file, with the fleet's transport or with kombu's; for workers of tests."""

import json
import os

from celery import Celery
from celery.app.amqp import AMQP

from allotment.engine.redis_transport.connection import FleetConnection


class OurAMQP(AMQP):
    """Celery's layer with the fleet's connections, as in a fleet's app."""

    Connection = FleetConnection


def make(url: str, transport: str, **options: object) -> Celery:
    """Make the app."""
    app = Celery("ledger", broker=url, amqp=OurAMQP if transport == "ours" else None, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_ignore_result=True,
        task_default_queue="work",
        broker_connection_retry_on_startup=True,
        broker_transport_options=options,
        worker_prefetch_multiplier=8,
    )

    @app.task(name="note")
    def note(number: int) -> None:
        file = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{number}\n".encode())
        os.close(file)

    @app.task(name="nothing")
    def nothing() -> None:
        """Do nothing."""

    return app


if "LEDGER" in os.environ:
    app = make(os.environ["BROKER"], os.environ["TRANSPORT"], **json.loads(os.environ.get("OPTIONS") or "{}"))
