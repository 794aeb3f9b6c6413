"""Tasks that are to be run at least once wait in a queue that loses some of them."""

from collections.abc import Iterator

from allotment.model.queue import Queue, WhenFull
from allotment.model.task import Delivery
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_OVERFLOW = "x-overflow"


def check(subject: Subject) -> Iterator[Finding]:
    """Find safe queues that end with the broker, or that make room for new messages; one finding for each way."""
    for name in sorted(subject.plan.safe):
        queue = subject.model.queues[name]
        promise = Label(_promise(subject, name), "to be run at least once")
        if not queue.durable and not subject.on_redis:
            yield Finding(
                f"the queue {name!r} is gone after a restart of the broker, and its tasks are to be run at least once",
                "remove durable: false, and move the queue over, as it is there already",
                (Label(("queues", name, "durable"), "not kept"), promise),
            )
        dropping = _dropping(queue)
        if dropping is not None:
            key, remedy = dropping
            yield Finding(
                f"the queue {name!r} drops its oldest messages when it is full, and their tasks are to be run at least"
                " once",
                remedy,
                (Label(("queues", name, *key), "the oldest is not run"), promise),
            )


def _dropping(queue: Queue) -> tuple[tuple[str, ...], str] | None:
    """Give what makes a queue drop messages, below the queue, and what to do; None where it drops none."""
    if queue.max_length is not None and queue.when_full is WhenFull.DROP_OLDEST:
        return ("when_full",), "set when_full: reject, so that the publisher gets an error"
    if queue.arguments.get(_OVERFLOW) == "drop-head":
        return ("arguments", _OVERFLOW), f"set {_OVERFLOW}: reject-publish, so that the publisher gets an error"
    return None


def _promise(subject: Subject, queue: str) -> Path:
    """Give the place that says that tasks of a queue are to be run at least once."""
    for entry in subject.model.entries:
        if entry.delivery is Delivery.AT_LEAST_ONCE and entry.queue in {None, queue}:
            return ("tasks", entry.key, "delivery")
    for profile in subject.model.profiles.values():
        if profile.delivery is Delivery.AT_LEAST_ONCE and queue in profile.queues:
            return subject.of_profile(profile.name, "delivery")
    return subject.of_queue(queue)
