"""The messages of a bulk that are on their way to RabbitMQ over one channel."""

from typing import TYPE_CHECKING

from amqp.exceptions import ChannelError, RecoverableConnectionError

from allotment import errors
from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import Attempt, Deadline, under_way
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
        self._awaited: dict[int, tuple[Answer, Attempt]] = {}  # by the answer's `id()`, in the order of the messages
        self._bytes = 0
        self._refused: list[tuple[Answer, Attempt]] = []
        self._written = 0

    @property
    def size(self) -> int:
        """The bytes of the bodies that are on their way."""
        return self._bytes

    def put(self, answer: Answer, attempt: Attempt) -> None:
        """Write a message, as soon as few enough are on their way and none is refused."""
        if len(self._awaited) >= MOST or (self._awaited and self._bytes + answer.size > MOST_BYTES):
            self._wait(MOST // 2, MOST_BYTES // 2)
        if self._refused:
            self._look_into_refused()
        if self._written % _LISTEN == 0 or self._channel.usable_connection().blocked is not None:
            self._listen(attempt)
        attempt.deadline.check()
        self._channel.usable_connection().join_writes()
        self._channel.write(answer, mandatory=True)
        self._written += 1
        attempt.sent = attempt.left = True
        self._awaited[id(answer)] = answer, attempt
        self._bytes += answer.size
        self.bulk.failed.pop(str(attempt.task_id), None)  # an earlier try, over a connection that broke

    def put_unasked(self, answer: Answer, attempt: Attempt) -> None:
        """Write a message of which the broker says nothing, as the app has it."""
        if self._written % _LISTEN == 0:
            self._channel.listen(attempt)
        attempt.deadline.check()
        self._channel.usable_connection().join_writes()
        self._channel.write_unasked(answer)
        self._written += 1
        attempt.sent = attempt.confirmed = True

    def flush(self) -> None:
        """Have everything written that was put."""
        if self._channel.connection is not None:
            self._channel.connection.flush()

    def answered(self, answer: Answer) -> None:
        """Note what the broker said of one. Nothing is asked or written here: a frame is being read."""
        attempt = self._arrived(answer)
        if attempt is not None and (answer.returned or not answer.took):
            attempt.sent = False
            self._refused.append((answer, attempt))

    def lose(self, why: str) -> None:
        """Note that nothing more will be said: of those that are on their way, and why others were refused."""
        for answer, attempt in tuple(self._awaited.values()):
            self._arrived(answer)
            self.bulk.fail(attempt, failures.unconfirmed(attempt, why))
        refused, self._refused = self._refused, []
        for answer, attempt in refused:
            self.bulk.fail(attempt, failures.refused(attempt, f"{answer.place} refused it, and then {why}"))

    def settle(self) -> None:
        """Wait until what became of each is known."""
        try:
            while self._awaited or self._refused:
                self._wait(0, 0)
                self._look_into_refused()
            if self._channel.connection is not None:
                self._channel.connection.flush(stop=True)
        except (RecoverableConnectionError, OSError):
            self.lose("the connection broke")
        finally:
            self._channel.window = None

    def _wait(self, most: int, most_bytes: int) -> None:
        """Raise RecoverableConnectionError where the connection is of no use any more, with all that was lost told."""
        channel = self._channel
        try:
            while len(self._awaited) > most or self._bytes > most_bytes:
                _, oldest = next(iter(self._awaited.values()))
                channel.usable_connection().drain_events(timeout=oldest.deadline.left())
        except TimeoutError:
            self._give_up("the broker did not confirm it in time")
        except OSError as error:
            self._give_up(f"the connection broke ({error})")
        except ChannelError as error:
            self._closed(error)

    def _listen(self, attempt: Attempt) -> None:
        try:
            self._channel.until_unblocked(attempt)
        except ChannelError as error:
            self._closed(error)

    def _closed(self, error: ChannelError) -> None:
        """Go on over another channel: this one was closed for a message before, and those after that are gone."""
        self.lose(f"the broker closed the channel ({error.reply_text or error})")
        raise RecoverableConnectionError(str(error)) from error

    def _give_up(self, why: str) -> None:
        self.lose(why)
        if self._channel.connection is not None:
            self._channel.connection.abort()
        raise RecoverableConnectionError(why)

    def _arrived(self, answer: Answer) -> Attempt | None:
        found = self._awaited.pop(id(answer), None)
        if found is None:
            return None
        self._bytes -= answer.size
        return found[1]

    def _look_into_refused(self) -> None:
        """Find out why messages were refused; those with no known reason are sent by themselves."""
        full: set[str] = set()
        while self._refused:
            answer, attempt = self._refused[-1]
            error = self._why_refused(answer, attempt, full)
            if self._refused and self._refused[-1][0] is answer:  # else the connection broke, and it was told
                self._refused.pop()
                if error is not None:
                    self.bulk.fail(attempt, error)

    def _why_refused(self, answer: Answer, attempt: Attempt, full: set[str]) -> Exception | None:
        """Give the error; None: it was taken after all. `full` are the queues that were found full just now."""
        if answer.routing_key in full and not answer.returned:
            return failures.full(attempt, answer.routing_key)
        attempt.deadline = Deadline.after(attempt.deadline.seconds)  # its own passed while others were sent
        try:
            with under_way(attempt):
                self._channel.deliver_refused(answer, attempt)
        except errors.QueueFull as error:
            full.add(answer.routing_key)
            return error.with_traceback(None)
        except Exception as error:
            if not comes_from_below(error) and not isinstance(error, OSError):
                raise
            return told(self.bulk.app, attempt, error).with_traceback(None)
        return None
