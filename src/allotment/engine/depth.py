"""How many messages wait at the broker."""

from typing import Any

from kombu import Connection

_NOT_FOUND = 404
"""What AMQP 0-9-1 says of a queue that is not there."""


def waiting_in(connection: Connection, channel: Any, name: str) -> int:
    """Count the messages that wait in a broker queue and that nobody has taken; 0 where there is no such queue.

    Raises what the broker's library does where the broker does not answer. On Redis the lengths of the lists of all
    priorities are added (`kombu/transport/redis.py`, `_size`); on RabbitMQ a passive declaration tells.
    """
    if connection.transport.driver_type == "redis":
        return int(channel._size(name))  # noqa: SLF001 - kombu has no public way
    try:
        return int(channel.queue_declare(name, passive=True).message_count)
    except connection.channel_errors as error:
        if getattr(error, "reply_code", None) == _NOT_FOUND:
            return 0
        raise
