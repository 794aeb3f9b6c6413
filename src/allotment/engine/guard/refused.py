"""What becomes of a message while the broker does not take it where it is to go: nothing is lost, and nobody spins."""

from collections.abc import Callable
from typing import Any

from celery.utils.log import get_logger

from allotment.engine.deliveries import OWN_COUNT
from allotment.engine.guard.arrival import earlier_deliveries, lane_of
from allotment.engine.republish import republish
from allotment.plan.delivery import is_quorum

PAUSE = 1.0
"""Seconds until what the broker did not take is tried again."""

logger = get_logger(__name__)


def or_later(consumer: Any, message: Any, pass_on: Callable[[], None]) -> None:
    """Pass a message on, which ends with its acknowledgement; where the broker does not take it, later.

    `consumer` is Celery's. After a pause the message goes to the end of its queue: what waits behind it has its turn,
    and another worker may do better. Whatever the error is, raised here it would end the worker, and the next one.
    """
    try:
        pass_on()
    except Exception as error:  # noqa: BLE001 - see above
        logger.warning("a message could not be passed on (%r) and goes back to its queue", error)
        _after_pause(consumer, message, lambda: _give_back(consumer, message, pass_on))


def _give_back(consumer: Any, message: Any, pass_on: Callable[[], None]) -> None:
    """Put a message at the end of its queue, which the broker does not count as a delivery.

    Where that is refused too, the queue being full, the broker has it back as it is. It would count that, and in the
    end give the message up, if the queue has a limit: then the message stays with this worker, unacknowledged.
    """
    installation = getattr(consumer.app, "allotment", None)
    lane = lane_of(installation.plan, message) if installation else None
    if installation is None or lane is None:
        message.reject_log_error(logger, consumer.connection_errors, requeue=True)
        return
    try:
        earlier = earlier_deliveries(message)
        republish(consumer.app, message, installation.compiled.queues[lane], {OWN_COUNT: earlier} if earlier else {})
    except Exception:  # noqa: BLE001 - as above
        plan = installation.plan
        queue = plan.declared[plan.lanes[lane].queue if lane in plan.lanes else lane]
        if plan.delivery_limit(lane) is None and not is_quorum(queue):
            message.reject_log_error(logger, consumer.connection_errors, requeue=True)
        else:
            _after_pause(consumer, message, lambda: or_later(consumer, message, pass_on))
    else:
        message.ack_log_error(logger, consumer.connection_errors)


def _after_pause(consumer: Any, message: Any, act: Callable[[], None]) -> None:
    """Do something in the worker's own loop, unless the connection was lost meanwhile: the message is back then."""

    def still_here() -> None:
        tasks = consumer.task_consumer
        if tasks is not None and message.channel is tasks.channel and not message.acknowledged:
            act()

    consumer.timer.call_after(PAUSE, consumer.call_soon, (still_here,))
