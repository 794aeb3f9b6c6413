"""The connections of a fleet's app: kombu's, with the fleet's transport where kombu would use its own for Redis."""

from functools import cache
from typing import Any

from kombu import Connection
from kombu.connection import ConnectionPool, PooledConnection
from kombu.log import get_logger
from kombu.utils.collections import HashedSeq

from allotment.engine.publishing.connection import Timed

OPTION = "allotment"
"""The transport option that, being false, leaves an app with kombu's own transport."""

_KOMBUS_MODULE = "kombu.transport.redis"

logger = get_logger(__name__)


class _FleetConnection(Timed):
    """What makes a connection of kombu's one of a fleet, its copies and its pools included.

    The transport is chosen where kombu looks it up, by the name that stays the same: so it holds after a switch to
    another node, which names it anew from the address (`kombu/connection.py`, `switch`).
    """

    transport_options: dict[str, Any]

    def get_transport_cls(self) -> Any:
        """Give the fleet's transport in place of kombu's own for Redis, else what kombu says."""
        found = super().get_transport_cls()
        if found.__module__ != _KOMBUS_MODULE or not (self.transport_options or {}).get(OPTION, True):
            return found
        # only an app that sends to Redis pays for its library
        from allotment.engine.redis_transport.transport import Transport  # noqa: PLC0415

        if found is not Transport.__base__:
            _say_sentinel()
            return found
        return Transport

    def __eqhash__(self) -> Any:
        """Keep the pools of a fleet's app apart from those of other apps that send to the same place."""
        return HashedSeq("allotment", super().__eqhash__())  # type: ignore[misc]

    def Pool(self, limit: int | None = None, **options: Any) -> "FleetConnectionPool":  # noqa: N802 - kombu's name
        """Give a pool of such connections."""
        return FleetConnectionPool(self, limit, **options)


@cache
def _say_sentinel() -> None:
    logger.warning(
        "Redis Sentinel is not supported: its messages go by kombu's own transport, which counts no queue's length and"
        " may lose a message whose worker is killed"
    )


class FleetConnection(_FleetConnection, Connection):
    """A connection of a fleet's app."""


class PooledFleetConnection(_FleetConnection, PooledConnection):
    """One that belongs to a pool."""


class FleetConnectionPool(ConnectionPool):
    """A pool of connections of a fleet's app."""

    def new(self) -> PooledFleetConnection:
        """Make one more."""
        return PooledFleetConnection(self, **dict(self.connection._info(resolve=False)))  # noqa: SLF001 - as kombu's own
