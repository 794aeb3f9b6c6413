"""Taking messages: one at a time, noted in the same step, and woken by the server while there are none.

Kombu's poller asks a channel to start a command on a connection of its own, and calls it when the connection is
readable (`kombu/transport/redis.py`, `MultiChannelPoller`). There it pops with BRPOP and notes the message afterwards.
Here a script does both. Where it finds nothing, the channel waits for the server's word that one of the lists changed,
and asks again in any case once in `brpop_timeout` seconds.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from queue import Empty
from time import monotonic
from typing import Any

from kombu.log import get_logger
from kombu.transport import redis as kombu_redis
from kombu.utils.uuid import uuid
from redis.exceptions import ConnectionError, ReadOnlyError, ResponseError  # noqa: A004 - redis-py's name

from allotment.engine.redis_transport.doubts import Doubts, doubts_at
from allotment.engine.redis_transport.envelope import Unreadable, ending, payload
from allotment.engine.redis_transport.scripts import TAKE
from allotment.engine.redis_transport.take import Take
from allotment.engine.redis_transport.waking import IS_REPLICA, TOLD

UNTRACKED_PAUSE = 0.1
"""Seconds between two takes where the server does not tell when a list changes."""
IN_VAIN_FIRST, IN_VAIN_MOST = 0.0005, 0.03
"""Seconds that a channel which has messages in hand waits at most after the server's word, when others were quicker the
last time: twice as long each time, up to the second. One that has none asks at once: it is the one to take the next."""
LONGEST_PAUSE = 1.0
"""Seconds between two takes where nothing else is said."""
LAST_WORDS = 1.0
"""Seconds to wait for an answer when the channel is closed."""
COMPLAINT_PAUSE = 60.0
"""Seconds between two lines in the log while the server refuses to give messages."""

logger = get_logger(__name__)


class Taking(kombu_redis.Channel):
    """The part of the channel that consumes.

    Of kombu's attributes `_in_poll` is the connection while an answer or the server's word is awaited, and else None.
    """

    delivering: str | None = None
    """The tag of the message that is being delivered."""

    _take: Take | None = None
    _ask_at = 0.0
    _told = False
    _in_vain = 0
    _complained = float("-inf")

    @cached_property
    def doubts(self) -> Doubts:
        """What this process is in doubt about at this server."""
        server = self.connection.client
        return doubts_at((server.hostname, server.port, server.virtual_host, self.key(self.unacked_key)))

    @cached_property
    def _without_acknowledgement(self) -> set[str]:
        return set()

    def basic_consume(self, queue: str, no_ack: bool, *arguments: Any, **options: Any) -> Any:  # noqa: FBT001 - kombu's signature
        """Begin to consume a queue."""
        (self._without_acknowledgement.add if no_ack else self._without_acknowledgement.discard)(queue)
        return super().basic_consume(queue, no_ack, *arguments, **options)

    def basic_get(self, queue: str, no_ack: bool = False, **_: Any) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        """Take one message and give it; None where the queue is empty."""
        while True:
            take = self._new_take((queue,), without_note={queue} if no_ack else set())
            with self._in_doubt_without_answer(take):
                answer = TAKE.run(self.server, take.keys, take.arguments)
            with self.conn_or_acquire() as client:
                self._maybe_update_queues_expire(client, queue)
            if not answer:
                return None
            try:
                return self._received(take.tag, answer[1], no_ack=no_ack)
            except Unreadable as error:
                self._set_aside(take, answer[0] - 1, answer[1], str(error))

    def _received(self, tag: str, message: bytes, *, no_ack: bool) -> Any:
        found = self.Message(self._under(tag, payload(message)), channel=self)
        if not no_ack:
            self.delivering = tag
            try:
                self.qos.append(found, tag)
            finally:
                self.delivering = None
        return found

    @staticmethod
    def _under(tag: str, found: dict[str, Any]) -> dict[str, Any]:
        """Have a message known by the tag it was noted under: its own is not unique where it was put back or copied."""
        found["properties"]["delivery_tag"] = tag
        return found

    # -- asking --

    def _new_take(self, queues: tuple[str, ...], without_note: set[str]) -> Take:
        lists = [self._q_for_pri(queue, step) for step in self.priority_steps for queue in queues]
        notebook = self.key(self.unacked_key), self.key(self.unacked_index_key)
        notes = self.ack_emulation
        endings = tuple(ending(queue) if notes and queue not in without_note else "" for queue in queues)
        tag = uuid()
        keys = tuple(self.key(name) for name in lists)
        return Take(tag, queues, endings, keys, (*notebook, tag, len(queues), *endings))

    def _brpop_start(self, timeout: float | None = None) -> None:  # noqa: ARG002 - kombu's signature
        """Ask for a message."""
        queues = tuple(self._queue_cycle.consume(len(self.active_queues)))
        if not queues:
            return
        self._settle_doubts()
        self._take = self._new_take(queues, self._without_acknowledgement)
        self._send(TAKE.short(self._take.keys, self._take.arguments))

    def _settle_doubts(self) -> None:
        try:
            self.doubts.settle(self.qos)
        except ResponseError:
            logger.warning("what may have been taken cannot be looked for just now", exc_info=True)

    def _send(self, command: tuple[Any, ...]) -> None:
        connection = self.client.connection
        self._in_poll = connection
        self._brpop_sent_at = monotonic()
        # a check of its health would wait for an answer, and swallow the server's word
        connection.send_command(*command, check_health=False)

    def look_again(self) -> None:
        """Have the poller ask again if it has waited for long enough, or drop a connection that does not answer."""
        if not self._in_poll:
            return
        if self._take is None:
            if monotonic() >= self._ask_at:
                self._in_poll = None
            return
        waited = monotonic() - self._brpop_sent_at
        if self.health_check_interval and waited >= self.health_check_interval + self.pause:
            logger.warning("the server has not answered for %.0f seconds; dropping the connection", waited)
            self._in_poll.disconnect()

    @property
    def looks_again_in(self) -> float:
        """Seconds until the channel has to be looked at again."""
        return max(0.0, self._ask_at - monotonic()) if self._in_poll and self._take is None else self.pause

    @property
    def pause(self) -> float:
        """Seconds after which an empty queue is looked at again, whatever the server says."""
        if self._in_poll and not self._in_poll.tracked:
            return UNTRACKED_PAUSE
        return float(self.brpop_timeout or LONGEST_PAUSE)

    # -- hearing --

    def _brpop_read(self, **_: Any) -> bool:
        """Take in everything that has arrived. Raises Empty where no message was among it."""
        connection = self.client.connection
        waits = self._take is not None
        delivered = False
        try:
            while True:
                delivered = self._hear(connection) or delivered
                if not self._in_poll or not connection.can_read(timeout=0):
                    break
        except self.connection_errors:
            connection.disconnect()
            if waits:
                raise
            # nothing was asked for, so nothing is lost; the poller connects anew, and raises if it cannot
        if not delivered:
            raise Empty
        return True

    def _hear(self, connection: Any) -> bool:
        """Take in one answer, or the server's word; say whether it was a message."""
        try:
            answer = connection.read_response(push_request=True)
        except ResponseError as error:
            return self._refused(error)
        if answer is TOLD or answer is None:  # None: a notice of another kind
            if self._take is None:
                self._heed()
            return False
        take, self._take = self._take, None
        if take is None:
            return False
        if self._pending_reauth_token(connection) is not None:
            self._in_poll = None
            self._flush_brpop_reauth()
        if not answer:
            self._wait()
            return False
        self._in_poll, self._told, self._in_vain = None, False, 0
        place, message = answer
        self._hand_over(take, place - 1, message)
        return True

    def _heed(self) -> None:
        """Ask soon, as the server says that a list has changed."""
        self._told = True
        waits = self._in_vain and self.qos.has_in_hand
        longest = min(IN_VAIN_FIRST * 2**self._in_vain, IN_VAIN_MOST) if waits else 0.0
        self._ask_at = min(self._ask_at, monotonic() + random.uniform(0, longest))  # noqa: S311 - no secret

    def _wait(self) -> None:
        """Wait, as all lists are empty: for the server's word, or for as long as is waited without."""
        self._in_vain = min(self._in_vain + 1, 10) if self._told else 0
        self._told = False
        self._ask_at = monotonic() + self.pause

    def _refused(self, error: ResponseError) -> bool:
        """Bring the script along where it is missing; else wait as if there were nothing. Raises ConnectionError."""
        take = self._take
        if take is not None and TAKE.try_again(error):
            self._send(TAKE.whole(take.keys, take.arguments))
            return False
        self._take = None
        if isinstance(error, ReadOnlyError):
            # another server has taken over, maybe at the same name: it is found by connecting anew
            raise ConnectionError(IS_REPLICA) from error
        self._wait()
        if monotonic() - self._complained >= COMPLAINT_PAUSE:
            self._complained = monotonic()
            logger.error("the server gives no messages: %s", error)
        return False

    def _hand_over(self, take: Take, place: int, message: bytes) -> None:
        """Deliver a message, or put it back where nobody wants it now."""
        queue = take.queue_at(place)
        self._queue_cycle.rotate(queue)
        if not self.connection.delivers(queue) or not self.qos.can_consume():
            self._give_back(take, place, message)
            return
        self.delivering = take.tag
        try:
            self.connection.deliver(self._under(take.tag, payload(message)), queue)
        except Unreadable as error:
            self._set_aside(take, place, message, str(error))
        finally:
            self.delivering = None

    def _give_back(self, take: Take, place: int, message: bytes) -> None:
        """Put back what was not delivered, so that it is not counted."""
        try:
            with self._in_doubt_without_answer(take):
                if take.notes(place):
                    self.qos.put_back(take.tag, counted=False)
                else:
                    self.server.rpush(take.keys[place], message)
        except ResponseError as error:
            self._say_it_stays(take.queue_at(place), error)

    @contextmanager
    def _in_doubt_without_answer(self, take: Take) -> Iterator[None]:
        try:
            yield
        except self.connection_errors:
            self.doubts.add(take.tag)
            raise

    def _set_aside(self, take: Take, place: int, message: bytes, detail: str) -> None:
        queue = take.queue_at(place)
        if not take.notes(place):
            logger.error("dropped from %s, which is consumed without acknowledgement: %s", queue, detail)
            return
        try:
            self.qos.set_aside(take.tag, message, queue, detail)
        except ResponseError as error:
            self._say_it_stays(queue, error)

    @staticmethod
    def _say_it_stays(queue: str, error: ResponseError) -> None:
        logger.error("a message of %s stays noted as taken until the visibility timeout: %s", queue, error)

    # -- ending --

    def _on_connection_disconnect(self, connection: Any) -> None:
        if connection is self._in_poll:
            self._doubt()
        super()._on_connection_disconnect(connection)

    def _doubt(self) -> None:
        take, self._take = self._take, None
        if take is not None:
            self.doubts.add(take.tag)

    def finish_taking(self) -> None:
        """Hear what was asked for, and put it back; called when the channel is closed."""
        connection, take = self._in_poll, self._take
        try:
            while take is not None and self._take is take and connection.can_read(timeout=LAST_WORDS):
                answer = connection.read_response(push_request=True)
                if answer is TOLD or answer is None:
                    continue
                self._take = None
                if answer:
                    self._give_back(take, answer[0] - 1, answer[1])
        except (*self.connection_errors, ResponseError):
            logger.debug("the server did not answer to the last", exc_info=True)
        self._doubt()
        self._in_poll = None
