"""A full queue drops its oldest messages, and nobody is told."""

from collections.abc import Iterator

from allotment.model.queue import Queue, WhenFull
from allotment.rules.rule import Confidence, Edit, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_LIMITS = ("x-max-length", "x-max-length-bytes")
_OVERFLOW = "x-overflow"
_DEAD_LETTERS = "x-dead-letter-exchange"


def check(subject: Subject) -> Iterator[Finding]:
    """Find limits under `arguments` beside which nothing says what is done with a message more."""
    for queue in subject.model.queues.values():
        limit = next((name for name in _LIMITS if name in queue.arguments), None)
        if limit is not None and not _is_said(subject, queue):
            yield _finding(subject, queue, limit)


def _is_said(subject: Subject, queue: Queue) -> bool:
    """Say whether the file tells what is done with a full queue, or where what is dropped goes.

    `max_length` brings `when_full` with it, which is to reject where it is left out. For a stream a limit is how much
    of it is kept.
    """
    return (
        queue.max_length is not None
        or _OVERFLOW in queue.arguments
        or subject.plan.declared[queue.name].dead_letter is not None
        or _DEAD_LETTERS in queue.arguments
        or queue.arguments.get("x-queue-type") == "stream"
        or (queue.when_full is WhenFull.DROP_OLDEST and subject.written("queues", queue.name, "when_full"))
    )


def _finding(subject: Subject, queue: Queue, limit: str) -> Finding:
    path = ("queues", queue.name)
    labels = [Label((*path, "arguments", limit), "the oldest message goes when it is full")]
    edits = [Edit((*path, "arguments", _OVERFLOW), "reject-publish")]
    remedy = f"add {_OVERFLOW}: reject-publish beside it, so that the publisher gets an error"
    if subject.written(*path, "when_full"):
        # it is for max_length alone, and the two must not say the same twice
        labels.append(Label((*path, "when_full"), "this is for max_length, which is not there"))
        edits.append(Edit((*path, "when_full"), None))
        remedy = f"say it as {_OVERFLOW}: reject-publish beside {limit}, in place of when_full"
    return Finding(
        f"the queue {queue.name!r} is limited by {limit}: {queue.arguments[limit]}, and RabbitMQ drops the oldest"
        " message when it is full, without a word",
        remedy,
        tuple(labels),
        tuple(edits),
    )
