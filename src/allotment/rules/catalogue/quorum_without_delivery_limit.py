"""Nothing says how often a quorum queue delivers a message that no worker gets done."""

from collections.abc import Iterator

from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

_LIMIT = "x-delivery-limit"
_DEAD_LETTERS = "x-dead-letter-exchange"


def check(subject: Subject) -> Iterator[Finding]:
    """Find quorum queues without `delivery_limit`, or RabbitMQ's own argument for it; says whether dead letters go."""
    for queue in subject.quorum_queues:
        if queue.delivery_limit is None and _LIMIT not in queue.arguments and queue.name not in subject.plan.safe:
            kept = queue.dead_letter is not None or _DEAD_LETTERS in queue.arguments
            path = ("queues", queue.name)
            kind = ("type",) if subject.written(*path, "type") else ("arguments", "x-queue-type")
            then = "is a dead letter" if kept else "is lost"
            yield Finding(
                f"the quorum queue {queue.name!r} has no delivery_limit: before RabbitMQ 4 a message that no worker"
                f" gets done is delivered for ever, from 4 on it {then} after 20 times",
                "set delivery_limit: 20" + ("" if kept else f" and dead_letter: {queue.name}_dead, which keeps it"),
                (Label((*path, *kind), "no delivery_limit" + ("" if kept else ", no dead_letter")),),
            )
