"""What is done with messages that were taken: noted, acknowledged, put back, or set aside."""

from collections import deque
from collections.abc import Callable
from typing import Any

from celery.app import trace
from celery.utils.nodenames import gethostname
from kombu.log import get_logger
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from redis.exceptions import ResponseError

from allotment.engine.redis_transport.envelope import Unreadable, dead_letter, read_note, sent_back
from allotment.engine.redis_transport.scripts import FORGET, PUT_BACK, SET_ASIDE
from allotment.model.names import DEAD_QUEUE

PAUSE_WHEN_FULL = 60.0
"""Seconds before a message that found no room among the dead letters is looked at again."""

logger = get_logger(__name__)


class QoS(kombu_redis.QoS):
    """Kombu's account of what a channel has taken and not acknowledged, with every change made in one step."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._owed: deque[Callable[[], object]] = deque()
        """What the server did not let be done, in its order; threads of a pool add to it."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Remember a message; what was noted when it was taken needs no second note, as broadcasts do."""
        if delivery_tag == self.channel.delivering:
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    @property
    def has_in_hand(self) -> bool:
        """Whether the channel has taken messages that are not acknowledged."""
        return len(self._delivered) > len(self._dirty)

    def ack(self, delivery_tag: str) -> None:
        """Forget a message: it is done with."""
        self._now_or_later(lambda: FORGET.run(self.channel.server, self._keys(), [delivery_tag]))
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        """Put a message back after all others of its priority, or forget it."""
        if not requeue:
            self.ack(delivery_tag)
            return
        self._now_or_later(lambda: self.put_back(delivery_tag, leftmost=True))
        virtual.QoS.ack(self, delivery_tag)

    def _now_or_later(self, change: Callable[[], object]) -> None:
        """Make a change at the server, or where it takes none, as one without room on its disk, when it does again.

        Raised here a refusal would end the worker; an error of the connection Celery would log and forget, and the
        message would keep its place among those taken. If the worker ends before, the message comes back.
        """
        try:
            change()
        except self._refusals as error:
            if not self._owed:
                logger.error("messages could not be acknowledged, which is tried again: %s", error)  # noqa: TRY400 - the traceback says no more
            self._owed.append(change)

    @property
    def _refusals(self) -> tuple[type[Exception], ...]:
        return (ResponseError, *self.channel.connection_errors)

    def _settle_what_is_owed(self) -> None:
        """Do what was refused. Raises what redis-py raises where it is again."""
        while self._owed:
            self._owed[0]()
            self._owed.popleft()

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ARG002 - kombu's signature
        """Put back all that is not acknowledged; what the server does not let go back stays until it is overdue."""
        try:
            self._settle_what_is_owed()
            for tag in self._delivered:
                self.put_back(tag)
        except self._refusals as error:
            logger.warning("messages stay noted as taken until the visibility timeout: %s", error)
        self._delivered.clear()

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - kombu's signature
        """Put a message back where it was sent, and count that."""
        self.put_back(tag, leftmost=leftmost)

    def put_back(self, tag: str | bytes, *, leftmost: bool = False, counted: bool = True) -> bool:
        """Put a message back in one step: to be taken next, or `leftmost` after all others of its priority.

        Give whether it was there. One that cannot be read is set aside. One whose exchange leads nowhere just now stays
        where it is.
        """
        channel = self.channel
        note = channel.server.hget(channel.key(self.unacked_key), tag)
        if note is None:
            channel.server.zrem(channel.key(self.unacked_index_key), tag)
            return False
        try:
            noted = read_note(note)
        except Unreadable as error:
            return self.set_aside(tag, note, self.unacked_key, str(error))
        try:
            message, found = sent_back(noted.message)
        except Unreadable as error:
            return self.set_aside(tag, noted.message, noted.routing_key, str(error))
        lists = [
            channel.key(channel.list_of(queue, found))
            for queue in channel.destinations(noted.exchange, noted.routing_key)
        ]
        if not lists:
            logger.error("a message stays unacknowledged, as no queue is bound to its exchange %r", noted.exchange)
            return False
        push = "LPUSH" if leftmost else "RPUSH"
        return bool(
            PUT_BACK.run(channel.server, [*self._keys(), *lists], [tag, push, message if counted else noted.message])
        )

    def set_aside(self, tag: str | bytes, message: bytes, queue: str, detail: str) -> bool:
        """Move what is no message to the dead letters in one step; while they are full it stays noted, for a pause."""
        channel = self.channel
        letter = dead_letter(message, queue, detail, _this_worker())
        moved = SET_ASIDE.run(
            channel.server,
            [*self._keys(), *(channel.key(name) for name in channel.lists_of(DEAD_QUEUE))],
            [tag, letter, channel.limit_of(DEAD_QUEUE).max_length, self.visibility_timeout, PAUSE_WHEN_FULL],
        )
        if moved > 0:
            logger.error("set aside in %s, from %s: %s", DEAD_QUEUE, queue, detail)
        elif moved < 0:
            logger.error("%s is full; what is no message of %s waits: %s", DEAD_QUEUE, queue, detail)
        return bool(moved)

    def restore_visible(self, start: int = 0, num: int | None = None, interval: int = 10) -> None:
        """Put back what workers have had for longer than the visibility timeout, by the server's clock.

        At every `interval`th call, and only while no other worker does it, `num` at most; None: all. Raises what the
        server answered to one that it did not let go back, when all others have been tried.
        """
        self._vrestore_count += 1
        if (self._vrestore_count - 1) % (interval or 1):
            return
        channel = self.channel
        self._settle_what_is_owed()
        channel.doubts.settle(self)
        refused = None
        with channel.conn_or_acquire() as client:
            seconds, microseconds = channel.server.time()
            latest = seconds + microseconds / 1e6 - self.visibility_timeout
            try:
                with kombu_redis.Mutex(client, self.unacked_mutex_key, self.unacked_mutex_expire):
                    overdue = channel.server.zrange(
                        channel.key(self.unacked_index_key),
                        latest,
                        0,
                        desc=True,
                        byscore=True,
                        offset=start,
                        num=num or -1,
                    )
                    for tag in overdue:
                        try:
                            self.restore_by_tag(tag)
                        except ResponseError as error:
                            refused = error
            except kombu_redis.MutexHeld:
                pass
        if refused is not None:
            raise refused

    def _keys(self) -> tuple[str, str]:
        return self.channel.key(self.unacked_key), self.channel.key(self.unacked_index_key)


def _this_worker() -> str:
    """Give the name of the worker that this process is, or else of the machine."""
    # where Celery keeps it (`celery/app/trace.py`, `setup_worker_optimizations`)
    return str(trace._localized[2] if trace._localized else gethostname())  # noqa: SLF001 - there is no public way
