"""What becomes of a message while the broker does not take it where it is to go: nothing is lost, and nobody spins."""

from collections.abc import Callable
from typing import Any

from celery.utils.log import get_logger
from kombu.transport import virtual

from allotment.engine.delays import is_rabbitmq
from allotment.engine.deliveries import OWN_COUNT
from allotment.engine.guard.arrival import earlier_deliveries, lane_of
from allotment.engine.guard.breaker import Breaker, breaker_of
from allotment.engine.guard.seldom import SeldomWarning
from allotment.engine.guard.shape import TRIPPED
from allotment.engine.quarantine import Reason, keep_aside
from allotment.engine.republish import republish
from allotment.errors import MessageUnusable

PAUSE = 1.0
"""Seconds until what the broker did not take goes back to its queue."""

MOST_TRIPS = 3
"""How often an error that a message itself may lead to is met before it is taken for its own: connections that break
lead to some of them too."""

_NAME = "allotment_refused"

logger = get_logger(__name__)

_refusals = SeldomWarning(logger, "a message could not be passed on, and is tried again")


def or_later(consumer: Any, message: Any, pass_on: Callable[[], None]) -> None:
    """Pass a message on, which ends with its acknowledgement; where the broker does not take it, later.

    `consumer` is Celery's. After a pause the message goes to the end of its queue: what waits behind it has its turn,
    and another worker may do better. Whatever the error is, raised here it would end the worker, and the next one.
    """
    _Passing(consumer, message, pass_on).go_on()


def holds_refused(consumer: Any) -> bool:
    """Say whether a worker has messages that are to be passed on later; as many as it takes ahead keep others away."""
    return bool(consumer.__dict__.get(_NAME))


class _Passing:
    """A message on its way out of the worker."""

    def __init__(self, consumer: Any, message: Any, pass_on: Callable[[], None]) -> None:
        self._consumer = consumer
        self._message = message
        self._pass_on = pass_on
        self._trips = 0

    @property
    def _breaker(self) -> Breaker:
        return breaker_of(self._consumer)

    def go_on(self) -> None:
        """Try it, unless the broker has just taken nothing."""
        if self._breaker.wait:
            self._later(PAUSE, self._give_back)
            return
        try:
            with self._breaker.trying():
                self._pass_on()
        except Exception as error:  # noqa: BLE001 - see `or_later`
            self._met(error)

    def _met(self, error: Exception) -> None:
        if self._message.acknowledged:
            logger.error("a message was passed on, and that led to an error: %r", error)
            return
        _refusals.of(error)
        if not isinstance(error, TRIPPED):
            self._later(PAUSE, self._give_back)
            return
        self._trips += 1
        if self._trips == MOST_TRIPS:
            self._pass_on = lambda: self._keep(error)
        self._later(PAUSE * self._trips, self.go_on)

    def _keep(self, error: Exception) -> None:
        detail = f"it cannot be passed on: {error!r}"
        told = MessageUnusable(f"the message was set aside: {detail}")
        keep_aside(self._consumer, self._message, Reason.UNDECODABLE, detail, told)

    def _give_back(self) -> None:
        """Put the message at the end of its queue, which the broker does not count as a delivery.

        RabbitMQ has no way to do that but to take it anew. Where it does not, as the queue is full too for example, it
        would have the message back at the head of the queue, from where it comes at once; quorum queues count that, and
        in the end give the message up. So it stays with this worker, unacknowledged.
        """
        if not is_rabbitmq(self._message.channel.connection.client):
            self._requeue()
            return
        installation = getattr(self._consumer.app, "allotment", None)
        lane = lane_of(installation.plan, self._message) if installation else None
        if installation is None or lane is None or self._breaker.wait:
            self._later(max(PAUSE, self._breaker.wait), self.go_on)
            return
        earlier = earlier_deliveries(self._message)
        added = {OWN_COUNT: earlier} if earlier else {}
        try:
            with self._breaker.trying():
                republish(self._consumer.app, self._message, installation.compiled.queues[lane], added)
        except Exception as error:  # noqa: BLE001 - see `or_later`
            _refusals.of(error)
            self._later(max(PAUSE, self._breaker.wait), self.go_on)
        else:
            self._message.ack_log_error(logger, self._consumer.connection_errors)

    def _requeue(self) -> None:
        """Have Redis put it at the end; our transport can do so without counting it."""
        qos, tag = self._message.channel.qos, self._message.delivery_tag
        if not hasattr(qos, "put_back"):
            self._message.reject_log_error(logger, self._consumer.connection_errors, requeue=True)
            return
        try:
            gone = qos.put_back(tag, leftmost=True, counted=False)
        except Exception as error:  # noqa: BLE001 - see `or_later`
            _refusals.of(error)
            gone = False
        if gone:
            virtual.QoS.ack(qos, tag)  # as `reject` does: who has taken it by now may have it under the same tag
        else:
            self._later(PAUSE, self.go_on)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something in the worker's own loop, unless the connection was lost meanwhile: the message is back then."""
        waiting: set[_Passing] = self._consumer.__dict__.setdefault(_NAME, set())
        waiting.add(self)

        def still_here() -> None:
            waiting.discard(self)
            tasks = self._consumer.task_consumer
            if tasks is None or self._message.channel is not tasks.channel or self._message.acknowledged:
                return
            try:
                act()
            except Exception:  # the connection has just broken, and the message is back
                logger.exception("a message that waited to be passed on was left to the broker")

        self._consumer.timer.call_after(seconds, self._consumer.call_soon, (still_here,))
