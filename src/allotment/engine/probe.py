"""Whether a worker's broker answers, and how much waits there, asked over a connection of its own."""

import contextlib
from collections.abc import Callable
from typing import Any

from celery.utils.threads import bound_open_broker_sockets
from kombu import Connection

from allotment.engine.depth import waiting_in
from allotment.engine.failover import ensure_connected

TIMEOUT = 4.0
"""Seconds to wait for each step: connecting, to however many nodes, and an answer."""

_LAST_WORDS = 1.0
"""Seconds to wait for the answer to a good-bye."""
_HEARTBEAT = 60
"""Seconds between AMQP's own heartbeats, after two of which the broker gives up a connection whose machine is gone."""


class BrokerProbe:
    """Asks the broker and waits for the answer, with a connection that stays open as long as it works.

    `template` gives the worker's own connection, or one that leads where that will. Of several nodes the one that the
    worker is connected to is asked and no other; a worker that has no connection may get one to any of them.
    """

    def __init__(self, template: Callable[[], Connection]) -> None:
        self._template = template
        self._connection: Connection | None = None
        self._channel: Any = None
        self._node: tuple[Any, ...] | None = None

    def answers(self) -> bool:
        """Say whether the broker answered just now."""
        try:
            template = self._template()
            node = _node_of(template)
            if node != self._node:
                self.close()
            if self._connection is None:
                self._connect(template)
                self._node = node
            self._ask()
        except Exception:  # noqa: BLE001 - whatever a broker's library raises, there was no answer
            self.close()
            return False
        return True

    def waiting(self, queue: str) -> int | None:
        """Count the messages that wait in a queue; None where the broker does not say."""
        connection, channel = self._connection, self._channel
        if connection is None:
            return None
        try:
            return waiting_in(connection, channel, queue)
        except Exception:  # noqa: BLE001 - as above
            self.close()
            return None

    def close(self) -> None:
        """Hang up."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            bound_open_broker_sockets(connection, _LAST_WORDS)
            with contextlib.suppress(Exception):  # from a broker that is gone
                connection.release()

    def _connect(self, template: Connection) -> None:
        nodes = [] if template.connected else template.alt
        timeout = TIMEOUT / (len(nodes) or 1)
        # a connection of the app would start an embedded broker that is gone; this one only asks
        self._connection = template.clone(
            alternates=nodes,
            connect_timeout=timeout,
            heartbeat=_HEARTBEAT,
            transport_options={
                **template.transport_options,
                "socket_timeout": timeout,
                "socket_connect_timeout": timeout,
                "health_check_interval": 0,
            },
        )
        ensure_connected(self._connection, timeout)
        self._channel = self._connection.channel()
        bound_open_broker_sockets(self._connection, TIMEOUT)

    def _ask(self) -> None:
        if self._channel.connection.client.transport.driver_type == "redis":
            # a server whose disk is full refuses even this (`MISCONF`): it has answered
            with contextlib.suppress(*self._channel.connection.client.channel_errors):
                self._channel.client.ping()
        else:
            # AMQP has no question as such; this one changes nothing, as nothing is consumed here
            self._channel.basic_qos(0, 1, False)  # noqa: FBT003 - the protocol's arguments


def _node_of(template: Connection) -> tuple[Any, ...]:
    """Give what tells the node that a worker is connected to from another, and from none."""
    return template.connected, template.hostname, template.port, template.virtual_host
