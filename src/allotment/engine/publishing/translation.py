"""What goes wrong below, in the words of this package's errors."""

from collections.abc import Iterator

from amqp.exceptions import AMQPError, ChannelError, FrameSyntaxError, NotFound, PreconditionFailed
from celery import Celery
from kombu.exceptions import OperationalError

from allotment import errors
from allotment.engine.addresses import broker_of
from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import Attempt, DeadlinePassed
from allotment.engine.publishing.redis_words import is_of_redis, reason_to_refuse
from allotment.local.reach import unreachable
from allotment.model.address import without_secrets
from allotment.model.quantities import show_duration

_BELOW = (DeadlinePassed, OperationalError, AMQPError, errors.QueueFull)

OF_PUBLISHING = (errors.PublishFailed, errors.BrokerUnreachable)
"""What a sender is told."""


def comes_from_below(error: Exception) -> bool:
    """Say whether an error is one of Celery, kombu and the brokers' libraries, or of our transports."""
    return isinstance(error, _BELOW) or is_of_redis(error)


def told(app: Celery, attempt: Attempt, error: Exception) -> Exception:
    """Give the error to raise for one that sending a message has met."""
    if isinstance(error, OperationalError) and isinstance(error, OF_PUBLISHING):
        if attempt.sent and not isinstance(error, errors.PublishUnconfirmed):
            return failures.unconfirmed(attempt, f"its connection broke before the confirm; then {error.message}")
        return error
    causes = tuple(_causes(error))
    refusal = _named(attempt, error) if isinstance(error, errors.QueueFull) else _refusal(attempt, causes)
    if refusal is not None and attempt.sent:  # an earlier try may have been taken
        return failures.unconfirmed(attempt, f"its connection broke before the confirm; then {refusal}")
    return refusal or _lost(app, attempt, causes)


def _named(attempt: Attempt, error: errors.QueueFull) -> errors.QueueFull:
    """Give a full queue's error from the transport, which knows no tasks, with the task."""
    return failures.QueueFull(
        f"{error.message}, and {attempt.named} was not taken",
        task=attempt.task,
        task_id=attempt.task_id,
        queue=attempt.queue or error.queue,
        hint=error.hint,
    )


def _refusal(attempt: Attempt, causes: tuple[BaseException, ...]) -> Exception | None:
    """Give the error for what the broker itself said against the message; None: it said nothing."""
    for cause in causes:
        if is_of_redis(cause):
            reason = reason_to_refuse(cause)
            if reason is not None:
                return failures.blocked(attempt, *reason)
        if isinstance(cause, PreconditionFailed) and "message size" in str(cause.reply_text):
            return failures.too_large_for_broker(attempt, str(cause.reply_text))
        if isinstance(cause, NotFound):
            return failures.unroutable(attempt, f"exchange or queue for it ({cause.reply_text})")
        if isinstance(cause, FrameSyntaxError) and not attempt.sent:
            return failures.unwritable(attempt, str(cause))
        if isinstance(cause, ChannelError):
            return failures.refused(attempt, str(cause.reply_text or cause), "`allot doctor` looks at each step")
    return None


def _lost(app: Celery, attempt: Attempt, causes: tuple[BaseException, ...]) -> Exception:
    """Give the error for a broker that was not there, or did not answer in time."""
    late = not attempt.deadline.left()
    if attempt.sent and late:
        return failures.late(attempt)
    if attempt.sent:
        return failures.unconfirmed(attempt, "the connection broke before its confirm")
    root = next((cause for cause in reversed(causes) if not isinstance(cause, DeadlinePassed)), TimeoutError())
    address = _asked(app, root)
    found = _silent(address) if late and type(root).__name__ == "TimeoutError" else unreachable(address, root)
    waited = f" within {show_duration(attempt.deadline.seconds)}" if late else ""
    error = failures.BrokerUnreachable(
        f"{attempt.named} could not be sent{waited}, and was not taken: {found.message}", hint=found.hint
    )
    error.task, error.task_id = attempt.task, attempt.task_id
    return error


def _silent(address: str) -> errors.BrokerUnreachable:
    """Say that nothing came back in the time there was."""
    return errors.BrokerUnreachable(
        f"the broker at {without_secrets(address)} does not answer",
        hint="it stands still or is overloaded, or something on the way drops what is sent; `allot doctor` looks at"
        " each step",
    )


def _asked(app: Celery, root: BaseException) -> str:
    """Give the address that an error is about: the results', where they alone are on Redis."""
    broker = broker_of(app)
    if is_of_redis(root) and broker.startswith(("amqp", "pyamqp")):
        return str(app.conf.result_backend)
    return broker


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it came of, the last of which is the first that went wrong."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or (found.__context__ if isinstance(found, DeadlinePassed) else None)
