"""The messages of a bulk that are on their way to RabbitMQ over one channel."""

from typing import TYPE_CHECKING

from amqp.exceptions import ChannelError, RecoverableConnectionError

from allotment import errors
from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import Attempt, under_way
from allotment.engine.publishing.bulk import Bulk
from allotment.engine.publishing.rabbitmq.answers import Answer
from allotment.engine.publishing.translation import comes_from_below, told

if TYPE_CHECKING:
    from allotment.engine.publishing.rabbitmq.channel import Channel

MOST = 1000
"""Messages that are on their way at a time."""

MOST_BYTES = 16 * 1024 * 1024
"""Bytes of their bodies, which are kept until each is confirmed."""

_LISTEN = 64
"""Messages after which what the broker says is taken in: it may have stopped to take any."""


class Window:
    """Those that were written and not answered, and those that were refused and not looked into."""

    def __init__(self, bulk: Bulk, channel: "Channel") -> None:
        self.bulk = bulk
        self._channel = channel
        self._awaited: dict[int, tuple[Answer, Attempt]] = {}  # by the answer's identity, in the order of the messages
        self._bytes = 0
        self._refused: list[tuple[Answer, Attempt]] = []
        self._written = 0

    def put(self, answer: Answer, attempt: Attempt) -> None:
        """Write a message, as soon as few enough are on their way."""
        if len(self._awaited) >= MOST or (self._awaited and self._bytes + answer.size > MOST_BYTES):
            self._wait(MOST // 2, MOST_BYTES // 2)
        if self._written % _LISTEN == 0:
            self._listen(attempt)
        attempt.deadline.check()
        self._channel.write(answer, mandatory=True)
        self._written += 1
        attempt.sent = True
        self._awaited[id(answer)] = answer, attempt
        self._bytes += answer.size
        self.bulk.failed.pop(str(attempt.task_id), None)  # an earlier try, over a connection that broke

    def answered(self, answer: Answer) -> None:
        """Note what the broker said of one. Nothing is asked or written here: a frame is being read."""
        attempt = self._arrived(answer)
        if attempt is not None and (answer.returned or not answer.took):
            self._refused.append((answer, attempt))

    def lose(self, why: str) -> None:
        """Note that nothing will be said any more of those that are on their way."""
        for answer, attempt in tuple(self._awaited.values()):
            self._arrived(answer)
            self._fail(attempt, failures.unconfirmed(attempt, why))

    def settle(self) -> None:
        """Wait until what became of each is known; those that were refused for no known reason are sent once more."""
        while self._awaited or self._refused:
            try:
                self._wait(0, 0)
            except RecoverableConnectionError:
                continue  # what was on its way is lost, and that is noted
            full: set[str] = set()
            refused, self._refused = self._refused, []
            for answer, attempt in refused:
                self._look_into(answer, attempt, full)
        self._channel.window = None

    def _wait(self, most: int, most_bytes: int) -> None:
        """Raise RecoverableConnectionError where the connection is of no use any more."""
        channel = self._channel
        try:
            while len(self._awaited) > most or self._bytes > most_bytes:
                _, oldest = next(iter(self._awaited.values()))
                channel.usable_connection().drain_events(timeout=oldest.deadline.left())
        except TimeoutError:
            self.lose("the broker did not confirm it in time")
            if channel.connection is not None:
                channel.connection.abort()
            raise RecoverableConnectionError("the broker does not confirm") from None
        except ChannelError as error:
            self._closed(error)

    def _listen(self, attempt: Attempt) -> None:
        try:
            self._channel.until_unblocked(attempt)
        except ChannelError as error:
            self._closed(error)

    def _closed(self, error: ChannelError) -> None:
        """Go on over another channel: this one was closed for one of the messages, and those after it are gone."""
        self.lose(f"the broker closed the channel ({error.reply_text or error})")
        raise RecoverableConnectionError(str(error)) from error

    def _arrived(self, answer: Answer) -> Attempt | None:
        found = self._awaited.pop(id(answer), None)
        if found is None:
            return None
        self._bytes -= answer.size
        return found[1]

    def _look_into(self, answer: Answer, attempt: Attempt, full: set[str]) -> None:
        """Find out why a message was refused. `full` are the queues that were found full just now."""
        attempt.sent = False
        if answer.routing_key in full and not answer.returned:
            self._fail(attempt, failures.full(attempt, answer.routing_key))
            return
        try:
            with under_way(attempt):
                self._channel.deliver_refused(answer, attempt)
        except errors.QueueFull as error:
            full.add(answer.routing_key)
            self._fail(attempt, error)
        except Exception as error:
            if not comes_from_below(error):
                raise
            self._fail(attempt, told(self.bulk.app, attempt, error))

    def _fail(self, attempt: Attempt, error: Exception) -> None:
        self.bulk.failed[str(attempt.task_id)] = error
