"""A queue that the file names is consumed by no worker, so what is sent there waits for ever."""

from collections.abc import Iterator

from allotment.model.names import did_you_mean
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_DEAD_LETTERS = "x-dead-letter-routing-key"
"""The argument by which RabbitMQ's default exchange finds the queue for dead letters."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find queues without a consumer, save those that `unroutable-task` tells of and those for dead letters only."""
    consumed = {queue for profile in subject.placed for queue in profile.queues}
    told = {example.queue for example in subject.proof.counter_examples if example.task is not None}
    dead = {one.dead_letter or one.arguments.get(_DEAD_LETTERS) for one in subject.model.queues.values()}
    for queue, places in _named(subject).items():
        if queue in consumed or queue in told or (queue in dead and list(places) == [("queues", queue)]):
            continue
        idle = [profile.name for profile in subject.model.profiles.values() if queue in profile.queues]
        if idle:
            remedy = f"run a worker of profile {idle[0]!r} on a node"
            places[subject.of_profile(idle[0], "queues")] = "consumes it, and no node runs this profile"
        else:
            near = did_you_mean(queue, consumed)
            remedy = f"{near} or " if near.endswith("?") else ""
            remedy += f"add {queue!r} to the queues of a profile that a node runs"
        yield Finding(
            f"no worker consumes the queue {queue!r}",
            remedy,
            tuple(Label(path, text) for path, text in places.items()),
        )


def _named(subject: Subject) -> dict[str, dict[Path, str]]:
    """Give the queues that the file sends to or declares, with the places that do: the first that sends, if any."""
    model = subject.model
    found: dict[str, dict[Path, str]] = {}
    for entry in model.entries:
        if entry.queue is not None and entry.queue not in found:
            found[entry.queue] = {("tasks", entry.key, "queue"): f"what {entry.key} names is sent there"}
    if model.default_queue is not None:
        found.setdefault(model.default_queue, {})[("default_queue",)] = "what nothing else sends anywhere goes there"
    for kind, queue in model.routing.queues.items() if model.routing else ():
        found.setdefault(queue, {})["route_by_resource", str(kind)] = f"tasks of the kind {kind} are sent there"
    for queue in model.queues:
        if subject.written("queues", queue):
            found.setdefault(queue, {})["queues", queue] = "declared here"
    return found
