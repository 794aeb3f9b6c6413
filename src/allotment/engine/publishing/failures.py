"""The errors of publishing as they are raised: Allotment's, and at once those that Celery and its users look for.

`apply_async` is known to raise kombu's OperationalError (`celery/app/task.py`), which programs catch. A worker that
cannot send what follows a task looks for it too: it tries some more times (`celery/app/amqp.py`, `_retry_publish`) and
then stores the failure (`celery/app/trace.py`, `trace_task`), where any other error would be one of the worker itself.
"""

from typing import TYPE_CHECKING, TypeVar

from kombu.exceptions import EncodeError, OperationalError

from allotment import errors
from allotment.model.quantities import show_duration, show_memory

if TYPE_CHECKING:
    from allotment.engine.publishing.attempt import Attempt


class PublishFailed(errors.PublishFailed, OperationalError):
    """As its base."""


class QueueFull(errors.QueueFull, OperationalError):
    """As its base."""


class PublishUnconfirmed(errors.PublishUnconfirmed, OperationalError):
    """As its base."""


class BrokerBlocked(errors.BrokerBlocked, OperationalError):
    """As its base."""


class MessageUnroutable(errors.MessageUnroutable, OperationalError):
    """As its base."""


class MessageTooLarge(errors.MessageTooLarge, EncodeError):
    """As its base. Trying again does not make it smaller, so it is no OperationalError."""


class BrokerUnreachable(errors.BrokerUnreachable, OperationalError):
    """As its base. `task` and `task_id` are those of the message that was not sent."""

    task = ""
    task_id: str | None = None


Failure = TypeVar("Failure", bound=errors.PublishFailed)


def full(attempt: "Attempt", lane: str, waiting: int | None = None) -> QueueFull:
    """Say that a queue is at its limit, the declared one or, without that, the messages that wait in it."""
    queue = attempt.queue or lane
    limit = attempt.arguments(lane).get("x-max-length", "so many" if waiting is None else waiting)
    where = f"the queue {queue!r}" + (f" (its lane {lane!r})" if lane != queue else "")
    return QueueFull(
        f"{where} is full: {limit} messages wait in it, and {attempt.named} was not taken",
        task=attempt.task,
        task_id=attempt.task_id,
        queue=queue,
        hint=f"send it later, add workers, or raise queues.{queue}.max_length",
    )


def unconfirmed(attempt: "Attempt", why: str) -> PublishUnconfirmed:
    """Say that nobody knows whether the broker has the message."""
    return _of(
        PublishUnconfirmed,
        attempt,
        f"{attempt.named} was sent, and {why}: it may have been taken or not",
        "ask for its result by the id, or send it again if it is safe to repeat",
    )


def late(attempt: "Attempt", seconds: float | None = None) -> PublishUnconfirmed:
    """Say that the broker did not confirm in time."""
    waited = show_duration(attempt.deadline.seconds if seconds is None else seconds)
    return unconfirmed(attempt, f"the broker did not confirm it within {waited}")


def blocked(attempt: "Attempt", reason: str, hint: str) -> BrokerBlocked:
    """Say that the broker takes nothing; `reason` is why, `hint` what to look at."""
    return _of(
        BrokerBlocked,
        attempt,
        f"the broker takes no messages ({reason}), and {attempt.named} was not sent",
        hint,
    )


def unroutable(attempt: "Attempt", where: str) -> MessageUnroutable:
    """Say that the message reached no queue; `where` is what it was sent to."""
    return _of(
        MessageUnroutable,
        attempt,
        f"the broker has no {where}, and {attempt.named} was not taken",
        "somebody deleted it; sent again, the message is preceded by a declaration of its queue",
    )


def too_large(attempt: "Attempt", size: int) -> MessageTooLarge:
    """Say that the message was held back for its size."""
    limit = attempt.max_size or 0
    return _of(
        MessageTooLarge,
        attempt,
        f"{attempt.named} has {_shown(size, limit)}, and a message may have {show_memory(limit)}: it was not sent",
        "put the data elsewhere and send where they are, or raise publish.max_size, which the broker has to allow"
        " too (RabbitMQ: max_message_size)",
    )


def too_large_for_broker(attempt: "Attempt", words: str) -> MessageTooLarge:
    """Say that the broker did not take the message for its size; `words` are its own."""
    return _of(
        MessageTooLarge,
        attempt,
        f"{attempt.named} is larger than the broker takes, and was not taken: {words}",
        "put the data elsewhere and send where they are, or raise max_message_size of RabbitMQ",
    )


def refused(attempt: "Attempt", why: str, hint: str | None = None) -> PublishFailed:
    """Say that the broker did not take the message, for a reason of its own."""
    return _of(
        PublishFailed,
        attempt,
        f"the broker did not take {attempt.named}: {why}",
        hint,
    )


def unwritable(attempt: "Attempt", why: str) -> PublishFailed:
    """Say that AMQP has no form for something in the message."""
    return _of(
        PublishFailed,
        attempt,
        f"{attempt.named} was not sent, as AMQP has no form for what is in it: {why}",
        "headers are texts, numbers, truth values, dates, and lists and mappings of these",
    )


def _of(kind: type[Failure], attempt: "Attempt", message: str, hint: str | None) -> Failure:
    """Make an error with what the attempt knows."""
    return kind(message, task=attempt.task, task_id=attempt.task_id, queue=attempt.queue, hint=hint)


def _shown(size: int, limit: int) -> str:
    """Write a size so that it does not look like the limit it is over."""
    shown = show_memory(size)
    return shown if shown != show_memory(limit) and not shown.isdigit() else f"{size} bytes"
