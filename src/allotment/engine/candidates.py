"""Where a message that was sent before may go today: the queues that come into question, and the first that will do.

A worker asks that passes a message on, and who sends dead letters again. Which queue comes first is theirs to say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.engine.router import requested_queue
from allotment.errors import PublishRefused
from allotment.plan.lanes import Lane
from allotment.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Candidate:
    """A queue of the file, None: the task's own; then `hint` is the kind of work that the message says it is."""

    queue: str | None = None
    hint: str | None = None


def own_queue(plan: Plan, kwargs: Mapping[str, Any]) -> Candidate:
    """Give the task's own queue, as for a call with these keyword arguments."""
    routing = plan.model.routing
    hint = kwargs.get(routing.argument) if routing is not None and routing.argument is not None else None
    return Candidate(hint=None if hint is None else str(hint))


def queue_it_came_from(plan: Plan, task: str, exchange: str, key: str) -> tuple[Candidate, ...]:
    """Give the queue that a message was sent to; nothing where the fleet has no such queue any more."""
    try:
        return (Candidate(requested_queue(plan, {"exchange": exchange, "routing_key": key}, task)),)
    except PublishRefused:
        return ()


def first_lane(plan: Plan, task: str, candidates: Iterable[Candidate], key: str) -> Lane:
    """Give the lane of the first queue whose workers can run the task, in the zone of the lane that it came by.

    Raises PublishRefused, for the first of them, where there is none.
    """
    came_by = plan.lanes.get(key)
    zone = came_by.zone if came_by else None
    refused: PublishRefused | None = None
    for candidate in candidates:
        try:
            return plan.lane(task, candidate.queue, zone=zone, hint=candidate.hint)
        except PublishRefused as error:
            refused = refused or error
    raise refused or PublishRefused("it has no queue", task=task, queue=None)
