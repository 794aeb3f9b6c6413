"""The transport: kombu's for Redis, with the fleet's channel."""

from typing import Any

from kombu.transport import redis as kombu_redis

from allotment.engine.redis_transport.channel import Channel
from allotment.engine.redis_transport.limits import Limits
from allotment.engine.redis_transport.poller import Poller


class Transport(kombu_redis.Transport):
    """One for each connection; its channels share the limits of the queues that were declared over it."""

    Channel = Channel

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cycle = Poller()
        self.limits = Limits(self.client.transport_options)

    def delivers(self, queue: str) -> bool:
        """Say whether somebody consumes the queue."""
        return queue in self._callbacks

    def deliver(self, message: dict[str, Any], queue: str) -> None:
        """Give a message to whoever consumes the queue."""
        self._deliver(message, queue)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Have an event loop read the channels' connections and come round often enough to look again."""
        super().register_with_event_loop(connection, loop)
        self.cycle.call_later = lambda seconds: loop.call_later(seconds, _nothing)


def _nothing() -> None:
    """Do nothing: the loop has come round, which was the point."""
