"""A message that comes again and again, as it ends whoever runs it: it is run so often as its queue allows."""

from typing import Any

from celery.utils.log import get_logger

from allotment.engine.deliveries import OWN_COUNT
from allotment.engine.guard.arrival import earlier_deliveries, is_uncounted, lane_of, waits_for_its_time
from allotment.engine.guard.breaker import breaker_of
from allotment.engine.guard.refused import or_later
from allotment.engine.guard.seldom import SeldomWarning
from allotment.engine.guard.shape import fields_of, task_named
from allotment.engine.quarantine import Reason, keep_aside
from allotment.engine.republish import republish
from allotment.errors import TaskKeepsDying

logger = get_logger(__name__)

_uncounted = SeldomWarning(logger, "a message that came before is run without being counted")


def came_too_often(consumer: Any, message: Any) -> bool:
    """Deal with a message that came before; False: it is to be run, True: it is out of the worker's hands.

    One that was delivered as often as its queue allows is set aside. One of a classic queue, of which RabbitMQ says
    only that it came before, is published anew with its count, and the original acknowledged: it is run when it comes
    with that. While the broker takes none, as the queue is full for example, it is run uncounted: a worker that only
    waited for room would make none. A message whose time is still to come was held, and not run, and does not count.
    """
    compiled = consumer.app.allotment.compiled
    lane = lane_of(compiled.plan, message)
    limit = compiled.plan.delivery_limit(lane) if lane is not None else None
    if lane is None or limit is None:
        return False
    fields = fields_of(message.headers, message.payload)
    if waits_for_its_time(fields, consumer.app.conf.timezone):
        return False
    earlier = earlier_deliveries(message)
    if earlier >= limit:
        or_later(consumer, message, lambda: _give_up(consumer, message, earlier, lane))
        return True
    return is_uncounted(message) and _goes_on_with_its_count(consumer, message, compiled.queues[lane], earlier)


def _goes_on_with_its_count(consumer: Any, message: Any, queue: Any, earlier: int) -> bool:
    """Publish a message anew with its count, and acknowledge it; False: the broker does not take it now."""
    breaker = breaker_of(consumer)
    if breaker.wait:
        return False
    try:
        with breaker.trying():
            republish(consumer.app, message, queue, {OWN_COUNT: earlier})
    except Exception as error:  # noqa: BLE001 - whatever it is, a message that can be run is run
        _uncounted.of(error)
        return False
    message.ack_log_error(logger, consumer.connection_errors)
    return True


def _give_up(consumer: Any, message: Any, earlier: int, lane: str) -> None:
    name = task_named(message.headers, message.payload)
    told = (
        f"{name!r} was delivered {earlier} times and never came to an end: it ends the process that runs it, or runs"
        " longer than the broker waits"
    )
    error = TaskKeepsDying(
        told, hint=f"see what it does to its worker, then send it again; {lane} allows {earlier} deliveries"
    )
    keep_aside(consumer, message, Reason.DELIVERED_TOO_OFTEN, told, error)
