"""A quorum queue is to have priorities, and RabbitMQ does not make such a queue."""

from collections.abc import Iterator

from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_ARGUMENT = "x-max-priority"


def check(subject: Subject) -> Iterator[Finding]:
    """Find quorum queues with `max_priority`, or with RabbitMQ's own argument for it."""
    for queue in subject.quorum_queues:
        path = ("queues", queue.name)
        most = queue.max_priority or queue.arguments.get(_ARGUMENT)
        if most is not None:
            key = ("max_priority",) if queue.max_priority else ("arguments", _ARGUMENT)
            kind = ("type",) if subject.written(*path, "type") else ("arguments", "x-queue-type")
            yield Finding(
                f"the quorum queue {queue.name!r} is to have priorities up to {most}: RabbitMQ 3 refuses to make it,"
                " and in RabbitMQ 4 quorum queues have two levels of their own",
                f"remove {key[-1]} and give urgent tasks a queue and a worker of their own, or make it type: classic",
                (Label((*path, *key), "not for quorum queues"), Label((*path, *kind), "of this type")),
            )
