"""What makes a connection of kombu's one that gives up in time: our transport for RabbitMQ, and retries with an end."""

from collections.abc import Callable
from typing import Any

from allotment.engine.publishing.attempt import current

_KOMBUS_MODULE = "kombu.transport.pyamqp"

_OPTIONS = ("errback", "max_retries", "interval_start", "interval_step", "interval_max", "callback")
"""The first options of kombu's `_ensure_connection`, which come without their names too."""


class Timed:
    """Mixed into kombu's connection."""

    connected: bool

    def get_transport_cls(self) -> Any:
        """Give our transport in place of kombu's for RabbitMQ, else what kombu says."""
        found = super().get_transport_cls()  # type: ignore[misc]
        if found.__module__ != _KOMBUS_MODULE:
            return found
        # only an app that sends to RabbitMQ pays for its library
        from allotment.engine.publishing.rabbitmq import transport  # noqa: PLC0415

        return transport.SSLTransport if issubclass(found, transport.SSLTransport.__base__) else transport.Transport

    def _ensure_connection(self, *arguments: Any, **options: Any) -> Any:
        """Connect as kombu does; what is tried for a message ends by its deadline. Raises DeadlinePassed."""
        attempt = current()
        if attempt is not None and not self.connected:
            attempt.deadline.check()
            left = attempt.deadline.left()
            options |= zip(_OPTIONS, arguments, strict=False)
            options["interval_max"] = min(options.get("interval_max", left), left)
            options["timeout"] = min(options.get("timeout") or left, left)
            options["callback"] = _both(attempt.deadline.check, options.get("callback"))
            arguments = ()
        return super()._ensure_connection(*arguments, **options)  # type: ignore[misc]


def _both(check: Callable[[], None], callback: Callable[[], object] | None) -> Callable[[], None]:
    def call() -> None:
        check()
        if callback is not None:
            callback()

    return call
