"""Where a message that was set aside goes when it is sent again: to the lane that the plan of today gives its task."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import Celery
from kombu.serialization import TRUSTED_CONTENT, prepare_accept_content

from allotment.engine.candidates import Candidate, first_lane, own_queue, queue_it_came_from
from allotment.engine.dead.body import decoded
from allotment.engine.dead.reading import date_in, fields_in
from allotment.engine.router import Compiled
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
    return _refused_for_its_time(message, terms, app.conf.timezone, now)


def _refused_for_its_time(message: StoredMessage, terms: Terms, timezone: Any, now: datetime) -> Refusal | None:
    """Say which of its two dates a worker would set a message aside for, or drop it.

    Its expiry can be taken off where a header counts before the body: in protocol 1 the body alone has it.
    """
    fields, in_body = fields_in(message), "task" not in message.headers
    try:
        date_in(fields, "eta", timezone)
    except ValueError:
        return Refusal("its ETA is no date, and a worker would set it aside again")
    if terms.ignore_expiry and not in_body:
        return None
    remains = "its body says so, and is sent as it is"
    try:
        expires = date_in(fields, "expires", timezone)
    except ValueError:
        return Refusal(f"its expiry is no date: {remains if in_body else '--ignore-expiry takes it off'}")
    if expires is None or expires > now:
        return None
    what = f"it expired at {expires.isoformat(timespec='seconds')}, and a worker would drop it"
    return Refusal(f"{what}: {remains if in_body else '--ignore-expiry runs it all the same'}")


def _lane(app: Celery, message: StoredMessage, letter: DeadLetter, queue: str | None) -> Lane | Refusal:
    name, its_queue, kwargs = _task_that_decides(message, str(letter.task))
    try:
        plan: Plan = app.allotment.compiled_for(name).plan
        return first_lane(plan, name, _candidates(plan, name, letter, queue or its_queue, kwargs), letter.queue)
    except PublishRefused as error:
        return Refusal(_said(error))


def _candidates(
    plan: Plan, name: str, letter: DeadLetter, queue: str | None, kwargs: Mapping[str, Any]
) -> tuple[Candidate, ...]:
    """Give the queues to try: the one that is named, else the task's own and then the one the message came from."""
    if queue is not None:
        return (Candidate(queue),)
    came_from = queue_it_came_from(plan, name, letter.exchange, letter.queue)
    if name.startswith(BUILT_IN_PREFIX):
        return came_from or (Candidate(),)
    return own_queue(plan, kwargs), *came_from


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
