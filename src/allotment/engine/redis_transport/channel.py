"""The channel: kombu's, with the parts that publish and consume in place of its own."""

from functools import cached_property
from typing import Any

from kombu.log import get_logger
from redis import ConnectionPool, Redis

from allotment.engine.publishing.redis_channel import Watched
from allotment.engine.redis_transport.acknowledging import QoS
from allotment.engine.redis_transport.envelope import Message, Unreadable
from allotment.engine.redis_transport.publishing import Publishing
from allotment.engine.redis_transport.taking import Taking
from allotment.engine.redis_transport.waking import waking

LONGEST_ANSWER = 20.0
"""Seconds to wait for an answer where nothing else is said: a server that works, and its network, need less."""

logger = get_logger(__name__)


class Channel(Watched, Taking, Publishing):
    """A channel of the fleet's transport.

    `server` runs commands at once, with keys as they are at the server; kombu's own clients add the key prefix, but to
    the first key only where a script is run.
    """

    QoS = QoS
    Message = Message
    socket_keepalive = True
    max_connections = 65_536
    """For the commands of this process that are under way at once: with gevent as many as tasks end at a time."""
    unacked_restore_throttle = 1
    unacked_mutex_expire = 30
    """Seconds for which a worker that was killed while it put messages back keeps others from doing so."""

    keyprefix_fanout: str
    _taking_pool: Any = None
    _server: Redis | None = None

    def key(self, name: str) -> str:
        """Give a key as it is at the server."""
        return f"{self.global_keyprefix}{name}"

    def destinations(self, exchange: str, routing_key: str) -> list[str]:
        """Give the queues that a message goes to."""
        return list(self._lookup(exchange, routing_key))

    @property
    def server(self) -> Redis:
        """A client for commands that are answered at once."""
        if self._server is None or self._server.connection_pool is not self.pool:
            self._server = Redis(connection_pool=self.pool)
        return self._server

    @cached_property
    def client(self) -> Any:
        """Kombu's name for the client with the connection that messages are taken by."""
        return self.Client(connection_pool=self._pool_for_taking())

    def _pool_for_taking(self) -> Any:
        if self._taking_pool is None:
            given = self._connparams(asynchronous=True)
            given["connection_class"] = waking(given["connection_class"])
            # kombu does so when it makes a pool (`_get_pool`); this one is the first
            self.keyprefix_fanout = self.keyprefix_fanout.format(db=given["db"])
            self._taking_pool = ConnectionPool(**given | {"protocol": 3, "health_check_interval": 0})
        return self._taking_pool

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's signature
        """Give what redis-py connects with; Celery's deadline for connecting holds where no other is said.

        An answer is waited for, but not for ever: no command of this channel blocks at the server, and one that is not
        answered has lost its connection, though nobody may have said so.
        """
        given: dict[str, Any] = super()._connparams(asynchronous=asynchronous)
        if "socket_timeout" in given and given["socket_timeout"] is None:
            given["socket_timeout"] = LONGEST_ANSWER
        if "socket_connect_timeout" in given and given["socket_connect_timeout"] is None:
            given["socket_connect_timeout"] = self.connection.client.connect_timeout
        return given

    def _disconnect_pools(self) -> None:
        super()._disconnect_pools()
        pool, self._taking_pool = self._taking_pool, None
        if pool is not None:
            pool.disconnect()

    def _poll_error(self, type: str, **options: Any) -> None:  # noqa: A002 - kombu's signature
        if type == "BRPOP":
            self._brpop_read()
        else:
            super()._poll_error(type, **options)

    def _deliver_fanout_message(self, message: Any, exchange: str) -> Any:
        """Deliver a broadcast, of which there is no other copy: one that is no message is only told of."""
        try:
            return super()._deliver_fanout_message(message, exchange)
        except Unreadable as error:
            logger.warning("a broadcast by the exchange %s is no message: %s", exchange, error)
            return False

    def close(self) -> None:
        """Close the channel; what was asked for and not delivered goes back to its queue."""
        if self._in_poll and not self.closed:
            self.finish_taking()
        super().close()
