"""Waiting on the connections of several channels, and sweeping what was left behind."""

from time import monotonic
from typing import Any

from kombu.log import get_logger
from kombu.transport import redis as kombu_redis
from redis.exceptions import ResponseError

LOOPS_OWN = 1.0
"""Seconds after which an event loop comes round in any case, for what kombu's transport does every second."""

AS_GOOD_AS = 0.9
"""How much of an interval has to be over: a timer may be a little early."""

SHARE = 5
"""What is overdue is looked for so often in a visibility timeout, where that is more often than kombu looks."""

logger = get_logger(__name__)


class Poller(kombu_redis.MultiChannelPoller):
    """Kombu's poller, for channels that wait for the server's word in place of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self._restored = monotonic()
        self.call_later: Any = None
        """How an event loop is made to come round in so many seconds; None: there is none."""
        self._comes_round = 0.0

    def on_poll_start(self) -> None:
        """Have each channel that may take a message ask for one, or go on waiting; put back what was left behind."""
        self.maybe_restore_messages()
        for channel in self._channels:
            channel.look_again()
        super().on_poll_start()

    def _see_that_it_comes_round(self) -> None:
        """Come back in time to look again; without hurry the loop does so by itself.

        It works out how long it may wait before it calls `on_poll_start` (`kombu/asynchronous/hub.py`, `create_loop`).
        """
        if self.call_later is None:
            return
        now, pause = monotonic(), self.pause
        if pause < LOOPS_OWN and not now < self._comes_round <= now + pause:
            self._comes_round = now + pause
            self.call_later(pause)

    @property
    def pause(self) -> float:
        """Seconds after which some channel has to be looked at; infinite where none consumes."""
        return min(
            (channel.looks_again_in for channel in self._channels if channel.active_queues), default=float("inf")
        )

    def _update_brpop_polling(self) -> None:
        """Keep listening without room for more: nothing that arrives then has to be kept, it is put back."""

    def on_readable(self, fileno: int) -> None:
        """Have a channel take in what arrived. Raises Empty where it was no message."""
        found = self._fd_to_chan.get(fileno)
        if found is not None:
            channel, kind = found
            try:
                channel.handlers[kind]()
            finally:
                self._see_that_it_comes_round()

    def get(self, callback: Any, timeout: float | None = None) -> None:
        """Wait for a message, where there is no event loop. Raises Empty after `timeout` seconds, or earlier."""
        pause = self.pause
        super().get(callback, pause if timeout is None or pause < timeout else timeout)

    def maybe_restore_messages(self) -> Any:
        """Put back what was left behind, if it is time.

        Kombu does so in an event loop each hundred seconds, and without one whenever nothing came, which is never where
        there is always something and all the time where others are quicker.
        """
        if monotonic() - self._restored < self._between_sweeps * AS_GOOD_AS:
            return None
        self._restored = monotonic()
        try:
            return super().maybe_restore_messages()
        except ResponseError:
            logger.warning("what is overdue cannot be put back just now", exc_info=True)
            return None

    @property
    def _between_sweeps(self) -> float:
        """Seconds between two looks for what is overdue: no more than kombu's, and few where the timeout is short."""
        return min(
            (
                max(LOOPS_OWN, min(channel.unacked_restore_interval, channel.visibility_timeout / SHARE))
                for channel in self._channels
            ),
            default=0.0,
        )
