"""How many messages queues have dropped to make room for newer ones.

Redis counts them where it drops them. RabbitMQ counts none, but hands them on as dead letters, which say which queue
they come from and why (its docs, "Dead Letter Exchanges"): they are kept in a queue of their own, which is bounded.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import NotFound
from celery import Celery
from kombu.exceptions import OperationalError

from allotment.engine.addresses import broker_of
from allotment.engine.failover import ensure_connected
from allotment.engine.guard.properties import keep_what_cannot_be_read
from allotment.local.reach import CONNECT_TIMEOUT, unreachable
from allotment.model.names import DROPPED_QUEUE
from allotment.plan.broker_queues import DROPPED_BYTES, DROPPED_LENGTH


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many a queue has dropped; `or_more`: what keeps them is full, so that there may have been more."""

    count: int
    or_more: bool = False

    def __str__(self) -> str:
        return f"{self.count} or more" if self.or_more else str(self.count)


def dropped_counts(app: Celery) -> Mapping[str, Dropped]:
    """Give what each queue of the fleet has dropped, by its name in the file; those that dropped nothing are left out.

    On RabbitMQ these are the queues with `when_full: drop-oldest` and without a `dead_letter` of their own, which would
    have them. Brokers of other kinds than RabbitMQ and Redis count nothing. Raises BrokerUnreachable.
    """
    with app.connection_for_write() as connection:
        try:
            ensure_connected(connection, CONNECT_TIMEOUT)
            if connection.transport.driver_type == "amqp":
                by_lane, or_more = _kept(connection)
            elif connection.transport.driver_type == "redis":
                by_lane, or_more = _counted(connection.default_channel), False
            else:
                by_lane, or_more = Counter[str](), False
        except (OperationalError, *connection.connection_errors, *connection.channel_errors) as error:
            raise unreachable(broker_of(app), error) from error
    lanes = app.allotment.plan.lanes
    found: Counter[str] = Counter()
    for lane, count in by_lane.items():
        found[lanes[lane].queue if lane in lanes else lane] += count
    return {queue: Dropped(count, or_more) for queue, count in sorted(found.items())}


def _counted(channel: Any) -> Counter[str]:
    """Read the counts at a server of the Redis family, by whichever transport: plain kombu's counts none of its own."""
    # only an app that sends to Redis pays for its library
    from redis import Redis  # noqa: PLC0415

    from allotment.engine.redis_transport.limits import DROPPED_KEY  # noqa: PLC0415

    # kombu's own client puts the prefix of keys before some commands and not before others
    server = Redis(connection_pool=channel.pool)
    counts: Any = server.hgetall(f"{channel.global_keyprefix}{DROPPED_KEY}")
    return Counter({queue.decode(): int(count) for queue, count in counts.items()})


def _kept(connection: Any) -> tuple[Counter[str], bool]:
    """Look at every message that is kept, and give all back by closing the channel they came on."""
    keep_what_cannot_be_read()
    channel = connection.channel()
    found: Counter[str] = Counter()
    size = largest = total = 0
    for message in _each(channel):
        headers = message.properties.get("application_headers") or {}
        total, size, largest = total + 1, size + len(message.body), max(largest, len(message.body))
        if headers.get("x-first-death-reason") == "maxlen":
            found[str(headers.get("x-first-death-queue"))] += 1
    channel.close()
    return found, total >= DROPPED_LENGTH or size + largest > DROPPED_BYTES


def _each(channel: Any) -> Iterator[Any]:
    channel.auto_decode = False
    try:
        while (message := channel.basic_get(DROPPED_QUEUE)) is not None:
            yield message
    except NotFound:  # nothing that drops was ever declared
        return
