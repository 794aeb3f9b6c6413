"""A channel of RabbitMQ that knows what became of each message it publishes.

py-amqp takes the next ack for that of its own message, and a nack for a broken connection, after which kombu sends the
message again (`amqp/channel.py`, `basic_publish_confirm`; MessageNacked is among the `recoverable_connection_errors` of
`amqp/connection.py`). Here each answer belongs to its message, by the number that RabbitMQ counts with
(https://www.rabbitmq.com/docs/confirms).
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amqp import spec
from amqp.exceptions import ChannelError, MessageNacked, RecoverableConnectionError
from kombu.transport import pyamqp

from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import Attempt, Deadline, current_of
from allotment.engine.publishing.bulk import Bulk
from allotment.engine.publishing.rabbitmq.answering import Answering
from allotment.engine.publishing.rabbitmq.answers import Answer, Answers
from allotment.engine.publishing.rabbitmq.fullness import is_full, may_refuse
from allotment.engine.publishing.rabbitmq.window import Window
from allotment.engine.publishing.size import check_size

if TYPE_CHECKING:
    from allotment.engine.publishing.rabbitmq.connection import Connection

CONFIRM = 30.0
"""Seconds to wait for the confirm of a message that is no task, such as a result sent over `rpc://`."""

ASSUMED = 1.0
"""Seconds for which a broker that took a message on a connection is assumed to take another."""

TRIES = 3
"""How often a message is sent to a queue that refuses it and has room."""

_PROBE = "allotment.probe"
"""The name of a queue that is not there."""

_PUBLISH = "Bssbb"


class Channel(Answering, pyamqp.Channel):
    """One that confirms, and for tasks asks that they be returned where no queue takes them."""

    connection: "Connection | None"
    window: Window | None = None
    _confirm_selected: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._answers = Answers()
        super().__init__(*arguments, **options)

    def prepare_message(self, body: Any, *arguments: Any, **options: Any) -> Any:
        """Make a message as kombu does. Raises MessageTooLarge."""
        message = super().prepare_message(body, *arguments, **options)
        check_size(body, *_told_apart_by(message))
        return message

    def basic_publish_confirm(
        self,
        msg: Any,
        exchange: str = "",
        routing_key: str = "",
        *,
        mandatory: bool = False,
        confirm_timeout: float | None = None,
        **_: Any,
    ) -> None:
        """Publish and wait for the broker's word; of a message of Celery's own talk, do not wait.

        Raises the errors of `failures` for the message of an attempt; for others what py-amqp raises.
        """
        attempt = current_of(*_told_apart_by(msg))
        if attempt is None and is_talk(exchange):
            self._say(msg, exchange, routing_key)
            return
        self._confirm()
        answer = Answer(msg, exchange, routing_key)
        if attempt is None:
            self.write(answer, mandatory=mandatory)
            self._wait(answer, confirm_timeout or CONFIRM)
            if not answer.took:
                raise MessageNacked
        elif attempt.bulk is not None:
            self.window_of(attempt.bulk).put(answer, attempt)
        else:
            self.until_unblocked(attempt)
            self._deliver(attempt, answer, confirm_timeout)

    def _basic_publish(
        self, msg: Any, exchange: str = "", routing_key: str = "", *, mandatory: bool = False, **_: Any
    ) -> None:
        """Publish without waiting for the broker's word, where the app has switched confirms off."""
        attempt = current_of(*_told_apart_by(msg))
        if attempt is None and is_talk(exchange):
            self._say(msg, exchange, routing_key)
            return
        if attempt is not None and attempt.bulk is not None:
            self.window_of(attempt.bulk).put_unasked(Answer(msg, exchange, routing_key), attempt)
            return
        connection = self._hear()
        if attempt is not None:
            _wait_while_blocked(connection, attempt)
        self._write(msg, exchange, routing_key, mandatory=mandatory)
        if attempt is not None:
            attempt.sent = attempt.confirmed = True

    basic_publish = _basic_publish

    def close(self, *arguments: Any, **options: Any) -> Any:
        """Close as py-amqp does; with a broker that reads nothing, the whole connection at once."""
        connection = self.connection
        if connection is not None and connection.blocked is not None:
            return connection.abort()
        return super().close(*arguments, **options)

    def confirm_select(self, nowait: bool = False) -> Any:  # noqa: FBT001, FBT002 - py-amqp's signature
        """Switch confirms on, from which the broker counts."""
        self._answers = Answers()
        return super().confirm_select(nowait)

    def collect(self) -> None:
        """Forget everything as py-amqp does: nothing will be said any more of what is on its way."""
        super().collect()
        self._lose("the connection broke before its confirm")

    def _do_revive(self) -> None:
        self._lose("the broker closed the channel before its confirm")
        super()._do_revive()

    def _lose(self, why: str) -> None:
        if self.window is not None:
            self.window.lose(why)

    def usable_connection(self) -> "Connection":
        """Give the connection. Raises RecoverableConnectionError where it is closed."""
        if self.connection is None:
            raise RecoverableConnectionError("connection already closed")
        return self.connection

    def write(self, answer: Answer, *, mandatory: bool) -> None:
        """Write a message that the broker answers."""
        self._write(answer.message, answer.exchange, answer.routing_key, mandatory=mandatory)
        self._answers.expect(answer)

    def write_unasked(self, answer: Answer) -> None:
        """Write a message that the broker does not answer, as confirms are off."""
        self._write(answer.message, answer.exchange, answer.routing_key, mandatory=False)

    def listen(self, attempt: Attempt) -> None:
        """Take in what has arrived, and wait while the broker is known to take no messages."""
        _wait_while_blocked(self._hear(), attempt)

    def deliver_refused(self, answer: Answer, attempt: Attempt) -> None:
        """Publish a message of a bulk by itself that was refused. Raises the error where the reason is known."""
        self._look_at(attempt, answer)
        self._confirm()
        self._deliver(attempt, Answer(answer.message, answer.exchange, answer.routing_key), None)

    def until_unblocked(self, attempt: Attempt) -> None:
        """Wait until the broker takes messages, before anything is written that it would take after the deadline.

        It says that it takes none to who publishes, and has then read up to the header of a message. So two are
        published that have no body and that no queue takes: an ack of the second says that it takes messages.
        """
        connection = self._hear()
        if connection.blocked is None and time.monotonic() - connection.took_at > ASSUMED:
            first, second = (Answer(pyamqp.amqp.Message(b""), "", _PROBE) for _ in range(2))
            for probe in (first, second):
                self.write(probe, mandatory=False)
            while second.took is None and connection.blocked is None:
                connection.drain_events()
        _wait_while_blocked(connection, attempt)

    def _confirm(self) -> None:
        if not self._confirm_selected:
            self.confirm_select()
            self._confirm_selected = True

    def window_of(self, bulk: Bulk) -> Window:
        """Give the window for the messages of a bulk; a channel serves one at a time."""
        if self.window is None or self.window.bulk is not bulk:
            self.window = bulk.on_their_way = Window(bulk, self)
        return self.window

    def _deliver(self, attempt: Attempt, answer: Answer, confirm_timeout: float | None) -> None:
        """Publish a message until the broker has it, or the reason why it does not take it is known."""
        for _again in range(TRIES):
            if self._delivered(attempt, answer, confirm_timeout):
                return
            self._look_at(attempt, answer)
        raise failures.refused(
            attempt,
            "it refused the message, and its queue has room",
            "look into its log: it does so after a failure inside",
        )

    def _delivered(self, attempt: Attempt, answer: Answer, confirm_timeout: float | None) -> bool:
        """Publish the message of an attempt once; say whether the broker has it, or has refused it."""
        attempt.deadline.check()
        connection, unknown = self.usable_connection(), attempt.sent
        answer.took, answer.returned = None, False
        self.write(answer, mandatory=True)
        attempt.sent = True
        try:
            self._wait(answer, confirm_timeout)
        except ChannelError:  # the broker's word against this message
            attempt.sent = unknown
            raise
        except TimeoutError:
            connection.abort()
            if connection.blocked is not None:
                why = f"then the broker began to take no messages ({connection.blocked})"
                raise failures.unconfirmed(attempt, why) from None
            raise failures.late(attempt, confirm_timeout if attempt.deadline.left() else None) from None
        attempt.sent = unknown
        attempt.confirmed = bool(answer.took) and not answer.returned
        return attempt.confirmed

    def _look_at(self, attempt: Attempt, answer: Answer) -> None:
        """Raise the reason why the broker did not take a message, where it can be found."""
        queue = answer.routing_key
        if answer.returned:
            # so that kombu declares the queue before the next message
            self.usable_connection().client.declared_entities.clear()
            raise failures.unroutable(attempt, answer.place)
        arguments = attempt.arguments(queue)
        if not may_refuse(arguments):
            raise failures.refused(
                attempt, f"the queue {queue!r} refused it", "a limit may have been set at the broker, by a policy"
            )
        try:
            waiting = self.queue_declare(queue, passive=True).message_count
        except ChannelError as error:
            raise failures.refused(attempt, f"the queue {queue!r} refused it, and cannot be used ({error})") from None
        if is_full(arguments, waiting):
            raise failures.full(attempt, queue, waiting)

    def _say(self, msg: Any, exchange: str, routing_key: str) -> None:
        """Publish what may be lost; to a broker that takes nothing it is, so that the sender does not hang."""
        if self._hear().blocked is None:
            self._write(msg, exchange, routing_key, mandatory=False)
            self._answers.expect(None)

    def _hear(self) -> "Connection":
        """Take in what has arrived, and give the connection. An ack that lay unread tells of the past alone."""
        connection = self.usable_connection()
        took_at = connection.took_at
        while connection.heard(0):
            pass
        connection.took_at = took_at
        return connection

    def _write(self, msg: Any, exchange: str, routing_key: str, *, mandatory: bool) -> None:
        self.send_method(spec.Basic.Publish, _PUBLISH, (0, exchange, routing_key, mandatory, False), msg)

    def _wait(self, answer: Answer, seconds: float | None) -> None:
        """Wait for the answer. Raises TimeoutError after some seconds; None: at the deadline."""
        until = None if seconds is None else Deadline.after(seconds)
        while answer.took is None:
            self.usable_connection().drain_events(timeout=until.left() if until else None)

    def _on_basic_ack(self, delivery_tag: int, multiple: bool) -> None:  # noqa: FBT001 - py-amqp's signature
        self._answered(delivery_tag, multiple, took=True)
        super()._on_basic_ack(delivery_tag, multiple)

    def _on_basic_nack(self, delivery_tag: int, multiple: bool) -> None:  # noqa: FBT001 - py-amqp's signature
        self._answered(delivery_tag, multiple, took=False)
        super()._on_basic_nack(delivery_tag, multiple)

    def _answered(self, number: int, multiple: bool, *, took: bool) -> None:  # noqa: FBT001 - as above
        if self.connection is not None:
            self.connection.took()
        for answer in self._answers.said(number, multiple=multiple, took=took):
            if self.window is not None:
                self.window.answered(answer)

    def _on_basic_return(self, reply_code: int, reply_text: str, exchange: str, routing_key: str, message: Any) -> None:
        """Note that the message comes back, of which RabbitMQ tells before the ack."""
        if not self._answers.came_back(message, exchange, routing_key):
            super()._on_basic_return(reply_code, reply_text, exchange, routing_key, message)


def _told_apart_by(message: Any) -> tuple[Mapping[str, Any] | None, Any]:
    """Give the headers and the correlation id of a message of py-amqp's."""
    return message.properties.get("application_headers"), message.properties.get("correlation_id")


def _wait_while_blocked(connection: "Connection", attempt: Attempt) -> None:
    """Raise BrokerBlocked at the deadline."""
    while connection.blocked is not None:
        left = attempt.deadline.left()
        if not left:
            hint = "`rabbitmqctl status` tells of its alarms; send it again when they are over"
            raise failures.blocked(attempt, connection.blocked, hint)
        connection.heard(left)


def is_talk(exchange: str) -> bool:
    """Say whether an exchange is one of Celery's events or remote control, which tell of things and may be lost.

    The names are those of `event_exchange` and `control_exchange` (`celery/app/defaults.py`, `kombu/pidbox.py`).
    """
    return exchange.endswith((".pidbox", "celeryev"))
