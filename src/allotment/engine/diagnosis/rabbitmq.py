"""The steps at a server that speaks AMQP: login, product and version, clock, a round trip."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

from amqp.exceptions import AMQPError
from kombu import Connection

from allotment.engine.diagnosis.products import product_of
from allotment.local.diagnosis.check import Check, Status, Stopwatch
from allotment.local.diagnosis.faults import Fault, fault_of
from allotment.local.diagnosis.network import Look

GUEST = "guest"
_PAYLOAD = "allotment doctor"


def rabbitmq_checks(look: Look, use_ssl: Any = None) -> Iterator[Check]:
    """Log in as Celery does, and look at the server; `use_ssl` is Celery's broker_use_ssl. Stops at the first failure.

    Leaves nothing behind: the one queue is the connection's own and ends with it.
    """
    watch = Stopwatch()
    blocked: list[str] = []
    try:
        connection = _logged_in(look, use_ssl, blocked.append)
    except Exception as error:  # noqa: BLE001 - whatever the library raises is the answer
        yield look.failed("login", _fault_of_login(look, error), watch)
        return
    try:
        yield Check("login", Status.OK, "user and virtual host are accepted", milliseconds=watch.milliseconds)
        yield product_of(connection.server_properties)
        yield Check("clock", Status.UNKNOWN, "AMQP does not tell the server's time")
        yield _round_trip(look, connection, blocked)
    finally:
        # a server that holds back its clients would not answer a proper goodbye
        with contextlib.suppress(OSError, AMQPError):
            connection.collect() if blocked else connection.close()


def _logged_in(look: Look, use_ssl: Any, on_blocked: Callable[[str], None]) -> Any:
    """Give a connection of py-amqp, made once and without retries, each wait of it bounded."""
    options = {"read_timeout": look.timeout, "write_timeout": look.timeout, "on_blocked": on_blocked}
    given = {} if use_ssl is None else {"ssl": use_ssl}
    wanted = Connection(look.target.url, connect_timeout=look.timeout, transport_options=options, **given)
    return wanted.transport.establish_connection()


def _fault_of_login(look: Look, error: Exception) -> Exception | Fault:
    """Say what a failed login stands for."""
    afar = look.target.user in {None, GUEST} and not look.target.loopback
    if afar and fault_of(error) is Fault.LOGIN_REFUSED:
        return Fault.GUEST_FROM_AFAR
    return error


def _round_trip(look: Look, connection: Any, blocked: list[str]) -> Check:
    """Send a message to a queue of this connection's own and take it out again; with its consumer the queue goes."""
    watch = Stopwatch()
    arrived: list[Any] = []
    try:
        channel = connection.channel()
        name = f"allotment.doctor.{uuid4()}"
        channel.queue_declare(name, exclusive=True, auto_delete=True, durable=False)
        consumer = channel.basic_consume(name, no_ack=True, callback=arrived.append)
        message = channel.prepare_message(_PAYLOAD, content_type="text/plain", content_encoding="utf-8")
        channel.basic_publish(message, exchange="", routing_key=name)
        deadline = time.monotonic() + look.timeout
        while not arrived and not blocked:
            connection.drain_events(timeout=max(0.001, deadline - time.monotonic()))
        milliseconds = watch.milliseconds
        if arrived:
            channel.basic_cancel(consumer)  # with its last consumer goes the queue
            detail = "a message came back from a queue of its own, which is gone again"
            return Check("round trip", Status.OK, detail, milliseconds=milliseconds)
    except Exception as error:  # noqa: BLE001 - whatever the library raises is the answer
        held_back = blocked or isinstance(error, TimeoutError)
        return look.failed("round trip", Fault.ALARM if held_back else error, watch)
    return look.failed("round trip", Fault.ALARM, watch)
