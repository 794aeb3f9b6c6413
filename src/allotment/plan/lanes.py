"""Lanes: the broker queues behind a queue of the file.

What all who consume a queue can run goes by the queue's own name, which all of them consume. For each smaller set of
profiles that alone can run something sent there, there is one broker queue more, named after the set; each worker
consumes every lane it can serve. A queue whose consumers are alike has no other lane: simple fleets look like plain
Celery at the broker.

Sets are taken from what the file's own names and patterns lead to, whatever tasks there are, and from the tasks that
are known where all are: in workers. A producer may know other tasks than they do; it uses only the lanes that the file
alone leads to, which workers are sure to consume, and the plain name for the rest. So do producers that know no lanes.
The guard forwards what its taker cannot run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from allotment.plan.capability import Capability, ProfileSet

LONGEST_NAME = 200
"""RabbitMQ takes names of up to 255 bytes (AMQP 0-9-1, short string); this leaves room for what others add."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One broker queue, the queue of the file it belongs to, and the profiles that serve it."""

    name: str
    queue: str
    profiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueLanes:
    """The lanes of one queue by the set of profiles each is for; none where nobody consumes it."""

    queue: str
    consumers: ProfileSet
    by_set: Mapping[ProfileSet, Lane]

    @property
    def split(self) -> bool:
        """Whether there are lanes beside the one that all consume."""
        return len(self.by_set) > 1


def lanes_of_queue(
    queue: str, consumers: ProfileSet, able_here: Iterable[ProfileSet], capability: Capability
) -> QueueLanes:
    """Make the lanes of one queue from the sets of its consumers that can run something there."""
    if not consumers:
        return QueueLanes(queue, consumers, {})
    by_set = {consumers: Lane(queue, queue, capability.names(consumers))}
    by_set |= {able: _lane(queue, capability.names(able)) for able in sorted(set(able_here)) if able != consumers}
    return QueueLanes(queue, consumers, by_set)


def _lane(queue: str, profiles: tuple[str, ...]) -> Lane:
    name = f"{queue}:{'+'.join(profiles)}"
    if len(name) > LONGEST_NAME:
        import hashlib  # noqa: PLC0415 - only very wide lanes pay for it

        digest = hashlib.sha256("+".join(profiles).encode()).hexdigest()[:12]
        name = f"{queue}:~{len(profiles)}-profiles-{digest}"
    return Lane(name, queue, profiles)
