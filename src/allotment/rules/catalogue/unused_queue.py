"""A worker waits on a queue to which nothing in the fleet sends a task."""

from collections.abc import Iterator

from allotment.model.names import nearest
from allotment.model.patterns import is_pattern
from allotment.model.profile import Profile
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

_DEAD_LETTERS = "x-dead-letter-routing-key"
"""The argument by which RabbitMQ's default exchange finds the queue for dead letters."""

_SHOWN = 3
"""As many profiles are pointed at."""
_REMEDY = "remove {what}; or, if calls name {them} (queue=...), say so: # allot: ignore[unused-queue] calls send there"


def check(subject: Subject) -> Iterator[Finding]:
    """Find profiles none of whose queues is sent to, and single queues of other profiles; where tasks are known."""
    if not subject.plan.tasks:
        return
    used = _used(subject) | _perhaps_used(subject) | _misspelt(subject)
    idle = [profile for profile in subject.placed if used.isdisjoint(profile.queues)]
    for profile in idle:
        yield _idle(subject, profile)
    told = {queue for profile in idle for queue in profile.queues}
    single = (
        queue
        for profile in subject.placed
        if not profile.preset or subject.written("profiles", profile.name, "queues")
        for queue in profile.queues
        if queue not in used and queue not in told
    )
    for queue in dict.fromkeys(single):
        yield _unused(subject, queue)


def _used(subject: Subject) -> set[object]:
    """Give the queues to which something in the fleet may send, or whose dead letters go there."""
    model = subject.model
    found: set[object] = {model.default_queue, *subject.tasks_by_queue}
    found |= {entry.queue for entry in model.entries}
    found |= {entry.queue for entry in subject.plan.beat}
    found |= set(model.routing.queues.values()) if model.routing else set()
    for one in model.queues.values():
        found |= {one.dead_letter, one.arguments.get(_DEAD_LETTERS)}
    return found


def _perhaps_used(subject: Subject) -> set[str]:
    """Give the queues that tasks may go to where a file of another shape lists tasks and says no routes.

    A task may go to any queue of the profiles that list it, and there may be more tasks for those that list none.
    """
    assumed = [one for part in subject.document.parts for one in part.assumed]
    found = {
        queue for one in assumed for lists in one.get("tasks", {}).values() for queues in lists for queue in queues
    }
    if assumed and subject.app is None:
        open_to_all = (one for one in subject.placed if one.tasks is None or any(map(is_pattern, one.tasks)))
        found |= {queue for profile in open_to_all for queue in profile.queues}
    return found


def _misspelt(subject: Subject) -> set[str]:
    """Give the consumed queues that were meant where a queue without consumers is named, as far as names are alike."""
    lost = [queue for queue, lanes in subject.plan.queues.items() if not lanes.consumers]
    consumed = {queue for profile in subject.placed for queue in profile.queues} if lost else set()
    return {near for queue in lost if (near := nearest(queue, consumed))}


def _idle(subject: Subject, profile: Profile) -> Finding:
    several = len(profile.queues) > 1
    queues = ", ".join(repr(queue) for queue in profile.queues)
    return Finding(
        f"nothing in the fleet sends a task to profile {profile.name!r}, which consumes {queues}",
        _REMEDY.format(what="the profile", them="one of its queues" if several else "its queue"),
        (Label(subject.of_profile(profile.name, "queues"), "no task, entry or beat entry goes here"),),
    )


def _unused(subject: Subject, queue: str) -> Finding:
    consumers = subject.consumers_of(queue)
    paths = (subject.of_consumer(profile, queue) for profile in consumers[:_SHOWN])
    names = a_few([profile.name for profile in consumers])
    return Finding(
        f"nothing in the fleet sends a task to the queue {queue!r}, for which workers of {names} wait",
        _REMEDY.format(what="it from the profile's queues", them="it"),
        tuple(Label(path, "no task, entry or beat entry goes here") for path in paths),
    )
