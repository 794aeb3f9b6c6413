"""A queue has a length limit on a broker that has none."""

from collections.abc import Iterator

from allotment.model.address import Address
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH


def _stands_in(subject: Subject, broker: Address) -> bool:
    """Say whether the environment names no broker, or a file of another shape, which has its broker elsewhere."""
    shapes = any(part.assumed for part in subject.document.parts)
    return broker.written is not None or (shapes and not subject.written("broker"))


def check(subject: Subject) -> Iterator[Finding]:
    """Find limits written in the file where the broker is of the Redis family, save where it stands in for another."""
    broker = subject.model.broker
    if broker is None or not broker.speaks_redis or (broker.embedded and _stands_in(subject, broker)):
        return
    for queue in subject.model.queues.values():
        path = ("queues", queue.name, "max_length")
        if subject.written(*path):
            labels = [Label(path, "the queue grows past this")]
            if subject.written("broker"):
                labels.append(Label(("broker",), "knows no limit"))
            yield Finding(
                f"max_length: {queue.max_length} of the queue {queue.name!r} does nothing: the broker is"
                f" {broker.shown}, and the Redis family has no such limit",
                "remove max_length, or use RabbitMQ: broker: amqp://HOST",
                tuple(labels),
            )
