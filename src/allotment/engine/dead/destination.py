"""Where a message that was set aside goes when it is sent again: to the lane that the plan of today gives its task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import Celery
from kombu.serialization import TRUSTED_CONTENT, prepare_accept_content

from allotment.engine.dead.body import decoded
from allotment.engine.dead.reading import moment
from allotment.engine.router import Compiled, requested_queue
from allotment.engine.signatures import task_that_decides
from allotment.errors import PublishRefused, TaskUnknown, UnknownName
from allotment.model.dead_letter import UNDECODABLE, DeadLetter, StoredMessage
from allotment.model.names import did_you_mean
from allotment.model.task import BUILT_IN_PREFIX
from allotment.plan.lanes import Lane
from allotment.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is not sent again, in words."""

    why: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How messages are sent again: to which queue, None: where the plan sends each; and whether expiry counts."""

    queue: str | None = None
    ignore_expiry: bool = False


def check_queue(plan: Plan, name: str) -> None:
    """See that a queue to send to is one of the fleet's. Raises UnknownName."""
    if name not in plan.queues:
        hint = did_you_mean(name, plan.queues, otherwise="`allot plan` lists the queues")
        raise UnknownName(f"there is no queue {name!r} in the fleet", hint=hint)


def destination(app: Celery, message: StoredMessage, letter: DeadLetter, terms: Terms, now: datetime) -> Lane | Refusal:
    """Give the lane a message goes to, or why it stays.

    Its task's own queue comes first, then the one it came from; the zone of its lane is kept.
    """
    if not message.whole:
        return Refusal("it is no message, and a worker could not read it")
    if letter.task is None or letter.reason == UNDECODABLE:
        return _to_a_named_queue(app.allotment.compiled, letter, terms.queue)
    refusal = _refused_by_a_worker(app, message, letter, terms, now)
    return refusal or _lane(app, message, letter, terms.queue)


def _to_a_named_queue(compiled: Compiled, letter: DeadLetter, queue: str | None) -> Lane | Refusal:
    """Give the lane that all workers of a queue consume, as it is not known who of them could run it."""
    if queue is None:
        what = "it cannot be decoded" if letter.reason == UNDECODABLE else "it does not say its task"
        return Refusal(f"{what}: name the queue it is to go to with --to")
    lanes = compiled.plan.queues[queue]
    return lanes.by_set.get(lanes.consumers) or Refusal(f"no worker consumes the queue {queue!r}")


def _refused_by_a_worker(
    app: Celery, message: StoredMessage, letter: DeadLetter, terms: Terms, now: datetime
) -> Refusal | None:
    """Say why every worker would set a message aside once more, or drop it."""
    accepted = prepare_accept_content(app.conf.accept_content)
    if message.content_type not in accepted | TRUSTED_CONTENT:
        return Refusal(f"the workers do not accept the content type {letter.content_type}")
    try:
        moment(message.headers.get("eta"))
    except ValueError:
        return Refusal("its ETA is no date, and a worker would set it aside again")
    if terms.ignore_expiry:
        return None
    try:
        expires = moment(message.headers.get("expires"))
    except ValueError:
        return Refusal("its expiry is no date: --ignore-expiry takes it off")
    if expires is not None and expires <= now:
        return Refusal(
            f"it expired at {expires.isoformat(timespec='seconds')}, and a worker would drop it:"
            " --ignore-expiry runs it all the same"
        )
    return None


def _lane(app: Celery, message: StoredMessage, letter: DeadLetter, queue: str | None) -> Lane | Refusal:
    name, its_queue, kwargs = _task_that_decides(message, str(letter.task))
    refused: PublishRefused | None = None
    try:
        plan: Plan = app.allotment.compiled_for(name).plan
    except PublishRefused as error:
        return Refusal(_said(error))
    came_by = plan.lanes.get(letter.queue)
    zone = came_by.zone if came_by else None
    for candidate, hint in _candidates(plan, name, letter, queue or its_queue, kwargs):
        try:
            return plan.lane(name, candidate, zone=zone, hint=hint)
        except PublishRefused as error:
            refused = refused or error
    return Refusal(_said(refused) if refused else "it has no queue")


def _candidates(
    plan: Plan, name: str, letter: DeadLetter, queue: str | None, kwargs: Mapping[str, Any]
) -> Iterator[tuple[str | None, str | None]]:
    """Give the queues to try, None for the task's own, each with the kind of work that the message says it is."""
    if queue is not None:
        yield queue, None
        return
    routing = plan.model.routing
    hint = kwargs.get(routing.argument) if routing is not None and routing.argument is not None else None
    if not name.startswith(BUILT_IN_PREFIX):
        yield None, None if hint is None else str(hint)
    try:
        yield requested_queue(plan, {"exchange": letter.exchange, "routing_key": letter.queue}, name), None
    except PublishRefused:  # the fleet no longer has the queue it came from
        if name.startswith(BUILT_IN_PREFIX):
            yield None, None


def _task_that_decides(message: StoredMessage, name: str) -> tuple[str, str | None, Mapping[str, Any]]:
    """Give the task whose worker is wanted, the queue its signature names, and the keyword arguments."""
    try:
        body = decoded(message)
        args, kwargs = (body["args"], body["kwargs"]) if isinstance(body, Mapping) else body[:2]
        if not isinstance(kwargs, Mapping):
            return name, None, {}
        decides, queue = task_that_decides(name, args, kwargs) if name.startswith(BUILT_IN_PREFIX) else (name, None)
    except (ValueError, TypeError, KeyError, RecursionError):  # not the body of a task, or not in JSON
        return name, None, {}
    return str(decides), queue if isinstance(queue, str) else None, kwargs


def _said(error: PublishRefused) -> str:
    helps = error.hint and not isinstance(error, TaskUnknown)  # the hint of which is for who wrote the name
    return f"{error.message} ({error.hint})" if helps else error.message
