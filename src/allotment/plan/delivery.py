"""How tasks are delivered: which queues `delivery: at-least-once` makes safe, and what is declared of them then.

All of it is found from the file alone: a producer and a worker know different tasks, and declare the same queue.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from allotment.model.fleet import FleetModel
from allotment.model.names import DEAD_QUEUE, DROPPED_QUEUE
from allotment.model.profile import Profile
from allotment.model.queue import Queue, QueueType, WhenFull
from allotment.model.task import Delivery, TaskEntry

DELIVERY_LIMIT = 20
"""How often a message of a safe queue is delivered unless the file says otherwise: as RabbitMQ 4 does by itself."""

VISIBILITY_TIMEOUT = 3600.0
"""Seconds after which Redis's messages are delivered again where nobody says (`kombu/transport/redis.py`)."""

SPARE = 1.5
"""How many times the longest limit a visibility timeout is: what waits for a long task has a task to run itself."""

_HOUR = 3600.0

_OF_CLASSIC_QUEUES = ("x-max-priority", "x-queue-mode", "x-queue-version", "x-queue-master-locator")
"""Arguments that RabbitMQ refuses for quorum queues (`rabbit_quorum_queue.erl`, `capabilities`)."""


def delivery_of(entry: TaskEntry | None, profile: Profile | None) -> Delivery | None:
    """Give how a worker of a profile treats a task: as its entry says, else as the profile does; None: as the app."""
    return (entry.delivery if entry else None) or (profile.delivery if profile else None)


def acknowledgement(delivery: Delivery | None) -> Mapping[str, Any]:
    """Give the attributes of a task that make up its delivery, by Celery's names; none: as the app says."""
    if delivery is None:
        return {}
    again = delivery is Delivery.AT_LEAST_ONCE
    return {"acks_late": again, "reject_on_worker_lost": again}


def safe_queues(model: FleetModel) -> frozenset[str]:
    """Give the queues that tasks may be sent to, or taken from, that are to be delivered at least once.

    Those are where their entries send them, and all that a profile consumes that says so itself. What a call names, or
    the app's own routes, is not in the file.
    """
    found: set[str] = set()
    for entry in model.entries:
        if entry.delivery is Delivery.AT_LEAST_ONCE:
            found.update(_sent_to(entry, model))
    for profile in model.profiles.values():
        if profile.delivery is Delivery.AT_LEAST_ONCE:
            found.update(profile.queues)
    return frozenset(found)


def _sent_to(entry: TaskEntry, model: FleetModel) -> Iterator[str]:
    """Give the queues that an entry's tasks may be sent to by themselves (`allotment.plan.routing`)."""
    if entry.queue is not None:
        yield entry.queue
        return
    if model.routing is not None:
        yield from model.routing.queues.values()
    if model.default_queue is not None:
        yield model.default_queue
    elif len(model.queues) == 1 or model.routing is None:
        yield from (queue for profile in model.profiles.values() for queue in profile.queues)


def settled(queue: Queue, *, safe: bool) -> Queue:
    """Give the queue with what at-least-once delivery adds where the file says nothing; where it is not safe, as it is.

    A queue with priorities, or one that is not durable, stays classic: quorum queues have neither. One that the file
    makes classic is declared as the file says and no further, so that a queue that is there need not be made anew.
    """
    if not safe:
        return _with_its_drops_kept(queue)
    changes: dict[str, Any] = {}
    if queue.type is None and not _has_to_be_classic(queue):
        changes["type"] = QueueType.QUORUM
    if queue.delivery_limit is None and "x-delivery-limit" not in queue.arguments:
        changes["delivery_limit"] = DELIVERY_LIMIT
    left_alone = QueueType.CLASSIC in {queue.type, queue.arguments.get("x-queue-type")}
    if queue.dead_letter is None and "x-dead-letter-exchange" not in queue.arguments and not left_alone:
        changes["dead_letter"] = DEAD_QUEUE
    return replace(queue, **changes)


def _with_its_drops_kept(queue: Queue) -> Queue:
    """Give a queue that drops its oldest messages with a place where they can be counted, unless it has one.

    One that the file makes classic is left as it is, as above.
    """
    drops = queue.max_length is not None and queue.when_full is WhenFull.DROP_OLDEST
    placed = queue.dead_letter is not None or "x-dead-letter-exchange" in queue.arguments
    if not drops or placed or queue.type is QueueType.CLASSIC:
        return queue
    return replace(queue, dead_letter=DROPPED_QUEUE)


def _has_to_be_classic(queue: Queue) -> bool:
    return (
        "x-queue-type" in queue.arguments
        or queue.max_priority is not None
        or not queue.durable
        or any(name in queue.arguments for name in _OF_CLASSIC_QUEUES)
    )


def is_quorum(queue: Queue) -> bool:
    """Say whether RabbitMQ makes this a quorum queue, by its type or by the argument for it."""
    return QueueType.QUORUM in {queue.type, queue.arguments.get("x-queue-type")}


def limit_of(queue: Queue) -> int | None:
    """Give how often a message of the queue is delivered at most; None: there is no limit."""
    if queue.delivery_limit is not None:
        return queue.delivery_limit
    argument = queue.arguments.get("x-delivery-limit")
    return argument if isinstance(argument, int) and argument > 0 else None


def keeps_dead_letters(queue: Queue, *, safe: bool) -> bool:
    """Say whether RabbitMQ is to hold a dead letter of this settled queue until it has arrived where it goes.

    Only quorum queues do so, and only such that refuse messages when they are full (RabbitMQ's docs, "Quorum Queues",
    "at-least-once dead lettering"; RabbitMQ 3.10 and newer).
    """
    has_place = queue.dead_letter is not None or "x-dead-letter-exchange" in queue.arguments
    refuses = (
        queue.when_full is WhenFull.REJECT and queue.arguments.get("x-overflow", "reject-publish") == "reject-publish"
    )
    chosen = queue.arguments.get("x-dead-letter-strategy", "at-least-once") == "at-least-once"
    return safe and is_quorum(queue) and has_place and refuses and chosen


def visibility_timeout(model: FleetModel) -> float | None:
    """Give the seconds that a broker of the Redis family should wait for acknowledgements, where the file does not say.

    One and a half times the longest limit of tasks delivered at least once and of the workers that run them, in whole
    hours; None where Celery's hour is enough for them, or none has a limit.
    """
    safe = safe_queues(model)
    declared: set[Delivery | None] = {Delivery.AT_LEAST_ONCE}
    if any(profile.delivery is Delivery.AT_LEAST_ONCE for profile in model.profiles.values()):
        declared.add(None)
    limits = [entry.time_limit for entry in model.entries if entry.delivery in declared]
    limits += [profile.time_limit for profile in model.profiles.values() if safe.intersection(profile.queues)]
    longest = max((limit for limit in limits if limit is not None), default=0.0)
    enough = ceil(longest * SPARE / _HOUR) * _HOUR
    return enough if enough > VISIBILITY_TIMEOUT else None
