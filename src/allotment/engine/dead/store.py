"""What lies in `allotment.dead`, one message after the other, on whichever broker."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from allotment.engine.addresses import broker_of
from allotment.engine.failover import ensure_connected
from allotment.errors import AllotmentError, DeadLettersUnreadable
from allotment.local.reach import CONNECT_TIMEOUT, unreachable
from allotment.model.dead_letter import StoredMessage


class Held(Protocol):
    """A message that is being looked at. What is not sent or dropped stays where it is."""

    @property
    def message(self) -> StoredMessage:
        """The message itself."""

    def send(self, queue: Queue, headers: Mapping[str, Any]) -> bool:
        """Put it into a queue, with these headers in place of its own, and take it away here.

        False: it is no longer there, as somebody else took it; then nothing was sent. Raises QueueFull and other kinds
        of PublishFailed, after which it stays.
        """

    def drop(self) -> bool:
        """Throw it away. False: it is no longer there."""


class DeadLetterStore(Protocol):
    """The queue `allotment.dead` of one broker."""

    @property
    def doubt(self) -> str | None:
        """What nobody knows if the broker goes away now, in words; None: everything is known."""

    def held(self) -> Iterator[Held]:
        """Give the messages that are there, the oldest first; a queue that is not there has none."""

    def close(self) -> None:
        """Give back what was only looked at, in its order."""


@contextmanager
def opened(app: Celery) -> Iterator[DeadLetterStore]:
    """Give the dead letters of the app's broker.

    Raises BrokerUnreachable, and DeadLettersUnreadable for a broker of a kind that the fleet does not run on.
    """
    store: DeadLetterStore | None = None
    with app.connection_for_write() as connection:
        try:
            ensure_connected(connection, CONNECT_TIMEOUT)
            store = _store(app, connection)
            try:
                yield store
            finally:
                store.close()
        except AllotmentError as error:  # some of which are kombu's too
            _add_doubt(error, store)
            raise
        except (OperationalError, *connection.connection_errors, *connection.channel_errors) as error:
            failed = unreachable(broker_of(app), error)
            _add_doubt(failed, store)
            raise failed from error


def _add_doubt(error: AllotmentError, store: DeadLetterStore | None) -> None:
    if store is not None and store.doubt is not None:
        error.hint = f"{error.hint}; {store.doubt}" if error.hint else store.doubt


def _store(app: Celery, connection: Any) -> DeadLetterStore:
    kind = connection.transport.driver_type
    if kind == "amqp":
        from allotment.engine.dead.rabbitmq import RabbitDeadLetters  # noqa: PLC0415 - only the library that is used

        return RabbitDeadLetters(app, connection)
    if kind == "redis":
        from allotment.engine.dead.redis_lists import RedisDeadLetters  # noqa: PLC0415 - as above

        return RedisDeadLetters(connection.default_channel)
    raise DeadLettersUnreadable(
        f"messages that were set aside cannot be read on a broker of the kind {kind!r}",
        hint="they can on RabbitMQ, Redis, Valkey and the embedded broker",
    )
