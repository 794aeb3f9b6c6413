"""A connection that is told when a list that was empty is no longer so: the server tracks what it read.

Redis from 6.0 and Valkey remember which keys a connection read, and tell it once when one of them changes (their docs,
"Client-side caching"), over the same connection where it speaks RESP3. So nothing is taken from a list while a worker
waits, whoever fills it, and there is nothing to fall out of step after the connection broke.
"""

from functools import cache
from typing import Any, Final

from kombu.log import get_logger
from redis.exceptions import ConnectionError, ResponseError  # noqa: A004 - redis-py's name

TOLD: Final = object()
"""What reading an answer gives in place of the server's word that a list changed."""

IS_REPLICA: Final = "the server is a replica: nothing can be written against a read only replica"
"""Why a server that stands in for another is not used, in the words by which Redis's own answer is known."""

logger = get_logger(__name__)


class Waking:
    """What a connection of redis-py needs for it; `tracked` says whether the server does so."""

    tracked = False
    protocol: int
    _sock: Any
    _parser: Any

    def connect(self) -> None:
        """Connect, with RESP3 and tracking where the server takes them."""
        if self._sock is not None:
            return
        self.tracked = False
        try:
            super().connect()  # type: ignore[misc]
        except ResponseError as error:
            if self.protocol == 2:  # noqa: PLR2004 - of the protocol's two versions
                raise
            _say_untracked(str(error))
            self.protocol = 2
            super().connect()  # type: ignore[misc]
        if self.protocol != 2:  # noqa: PLR2004 - as above
            self._refuse_cluster_and_replica()
            self._track()

    def _refuse_cluster_and_replica(self) -> None:
        said = getattr(self, "handshake_metadata", None)
        if not isinstance(said, dict):
            return
        if b"cluster" in (said.get(b"mode"), said.get("mode")):
            self.disconnect()  # type: ignore[attr-defined]
            raise ConnectionError("the server is a node of a Redis Cluster, in which Celery's queues cannot be kept")
        if b"replica" in (said.get(b"role"), said.get("role")):
            self.disconnect()  # type: ignore[attr-defined]
            raise ConnectionError(IS_REPLICA)

    def _track(self) -> None:
        self._parser.set_invalidation_push_handler(lambda _: TOLD)
        try:
            self.send_command("CLIENT", "TRACKING", "ON", "NOLOOP", check_health=False)  # type: ignore[attr-defined]
            self.read_response()  # type: ignore[attr-defined]
        except ResponseError as error:
            _say_untracked(str(error))
        else:
            self.tracked = True


@cache
def _say_untracked(error: str) -> None:
    logger.warning(
        "the server does not tell when a queue is filled (%s): workers look every 0.1 s instead."
        " It takes Redis 6 or newer, and the right to CLIENT TRACKING",
        error,
    )


def waking(connection_class: Any) -> Any:
    """Give a class of redis-py's connections with this."""
    return type("WakingConnection", (Waking, connection_class), {})
