"""Whether a worker's broker answers, asked over a connection of its own."""

import contextlib
from collections.abc import Callable
from typing import Any

from celery.utils.threads import bound_open_broker_sockets
from kombu import Connection

TIMEOUT = 4.0
"""Seconds to wait for each step: connecting, and an answer."""

_LAST_WORDS = 1.0
"""Seconds to wait for the answer to a good-bye."""
_HEARTBEAT = 60
"""Seconds between AMQP's own heartbeats, after two of which the broker gives up a connection whose machine is gone."""


class BrokerProbe:
    """Asks the broker and waits for the answer, with a connection that stays open as long as it works.

    `template` gives a connection to where the worker's own one leads.
    """

    def __init__(self, template: Callable[[], Connection]) -> None:
        self._template = template
        self._connection: Connection | None = None
        self._channel: Any = None

    def answers(self) -> bool:
        """Say whether the broker answered just now."""
        try:
            if self._connection is None:
                self._connect()
            self._ask()
        except Exception:  # noqa: BLE001 - whatever a broker's library raises, there was no answer
            self.close()
            return False
        return True

    def close(self) -> None:
        """Hang up."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            bound_open_broker_sockets(connection, _LAST_WORDS)
            with contextlib.suppress(Exception):  # from a broker that is gone
                connection.release()

    def _connect(self) -> None:
        template = self._template()
        # a connection of the app would start an embedded broker that is gone; this one only asks
        self._connection = template.clone(
            connect_timeout=TIMEOUT,
            heartbeat=_HEARTBEAT,
            transport_options={
                **template.transport_options,
                "socket_timeout": TIMEOUT,
                "socket_connect_timeout": TIMEOUT,
                "health_check_interval": 0,
            },
        )
        self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=TIMEOUT)
        self._channel = self._connection.channel()
        bound_open_broker_sockets(self._connection, TIMEOUT)

    def _ask(self) -> None:
        if self._channel.connection.client.transport.driver_type == "redis":
            self._channel.client.ping()
        else:
            # AMQP has no question as such; this one changes nothing, as nothing is consumed here
            self._channel.basic_qos(0, 1, False)  # noqa: FBT003 - the protocol's arguments
