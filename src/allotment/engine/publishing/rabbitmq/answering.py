"""Waiting for the broker's answer to a method: a declaration, a channel to open, confirms to switch on."""

from typing import Any

from allotment.engine.publishing.attempt import within

ANSWER = 60.0
"""Seconds within which a broker answers a method for which nothing else says how long to wait."""


class Answering:
    """A channel or a connection of py-amqp that does not wait for an answer for ever (`amqp/abstract_channel.py`)."""

    connection: Any

    def wait(
        self,
        method: Any,
        callback: Any = None,
        timeout: float | None = None,
        returns_tuple: bool = False,  # noqa: FBT001, FBT002 - py-amqp's signature
    ) -> Any:
        """Wait for a method as py-amqp does. Raises TimeoutError, and closes the connection: it might come later."""
        connection: Any = self.connection
        socket = getattr(connection.transport, "sock", None)
        if timeout is None and (socket is None or socket.gettimeout() is None):  # one that has its own keeps that
            timeout = ANSWER
        seconds = within(timeout)
        try:
            return super().wait(method, callback, seconds, returns_tuple)  # type: ignore[misc]
        except TimeoutError:
            connection.abort()
            raise
