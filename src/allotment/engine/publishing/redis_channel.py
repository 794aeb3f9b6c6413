"""Redis and Valkey: what a channel of kombu's does so that a message ends by its deadline, and how far it has come."""

from socket import socket
from typing import Any

from redis.exceptions import BusyLoadingError, ResponseError

from allotment.engine.publishing.attempt import current, current_of, within
from allotment.engine.publishing.connecting import by_the_deadline
from allotment.engine.publishing.size import check_size
from allotment.errors import QueueFull

_ANSWERED = (ResponseError, BusyLoadingError, QueueFull)
"""What is raised for an answer of the server, which has then not taken the message."""


class Watched:
    """Mixed into kombu's channel."""

    def prepare_message(self, body: Any, *arguments: Any, **options: Any) -> Any:
        """Make a message as kombu does, of `body, priority, content_type, content_encoding, headers`.

        Raises MessageTooLarge.
        """
        given = super().prepare_message(body, *arguments, **options)  # type: ignore[misc]
        check_size(body, given.get("headers"), given.get("properties", {}).get("correlation_id"))
        return given

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        attempt = current_of(message.get("headers"), message.get("properties", {}).get("correlation_id"))
        if attempt is None:
            super()._put(queue, message, **options)  # type: ignore[misc]
            return
        unknown, attempt.putting = attempt.sent, True
        try:
            super()._put(queue, message, **options)  # type: ignore[misc]
        except _ANSWERED:
            attempt.sent = unknown
            raise
        finally:
            attempt.putting = False
        attempt.confirmed = True

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's signature
        given: dict[str, Any] = super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]
        given["connection_class"] = _timed(given["connection_class"])
        return given


def _timed(kind: Any) -> type:
    """Give redis-py's class of connections with the deadline of the message that is being published.

    Made anew each time: kombu makes classes of its own, for each channel one.
    """

    class Timed(kind):
        socket_connect_timeout: float | None

        def _connect(self) -> Any:
            told = self.socket_connect_timeout
            self.socket_connect_timeout = within(told)
            try:
                return by_the_deadline(super()._connect, socket.close)
            finally:
                self.socket_connect_timeout = told

        def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002
            """Write within the deadline. What is sent in greeting asks for no check of the connection."""
            if self._sock is not None:
                self._sock.settimeout(within(self.socket_timeout))
            super().send_packed_command(command, check_health)
            attempt = current()
            if attempt is not None and attempt.putting and check_health:
                attempt.sent = True

        def read_response(self, *arguments: Any, **options: Any) -> Any:
            """Read within the deadline."""
            if current() is not None:
                options["timeout"] = within(options.get("timeout", self.socket_timeout))
            return super().read_response(*arguments, **options)

    return Timed
