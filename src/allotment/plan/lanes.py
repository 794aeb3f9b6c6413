"""Lanes: the broker queues behind a queue of the file.

What all who consume a queue can run goes by the queue's own name, which all of them consume. For each smaller set of
profiles that alone can run something sent there, there is one broker queue more, named after the set; each worker
consumes every lane it can serve. A queue whose consumers are alike has no other lane: simple fleets look like plain
Celery at the broker.

Sets are taken from what the file's own names and patterns lead to, whatever tasks there are, and from the tasks that
are known where all are: in workers. A producer may know other tasks than they do; it uses only the lanes that the file
alone leads to, which workers are sure to consume, and the plain name for the rest. So do producers that know no lanes.
The guard forwards what its taker cannot run.

Tasks that stay in a zone have lanes of their own in each: the workers of that zone that can run them consume it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from allotment.plan.capability import Capability, ProfileSet

LONGEST_NAME = 200
"""RabbitMQ takes names of up to 255 bytes (AMQP 0-9-1, short string); this leaves room for what others add."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One broker queue, the queue of the file it belongs to, and the profiles that serve it; `zone`: only there."""

    name: str
    queue: str
    profiles: tuple[str, ...]
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class QueueLanes:
    """The lanes of one queue by the set of profiles each is for; none where nobody consumes it.

    `by_zone` are those of tasks that stay in a zone, by the set that can run the task anywhere and the zone.
    """

    queue: str
    consumers: ProfileSet
    by_set: Mapping[ProfileSet, Lane]
    by_zone: Mapping[tuple[ProfileSet, str], Lane] = field(default_factory=dict)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Every lane, the one that all consume first."""
        return tuple({lane.name: lane for lane in (*self.by_set.values(), *self.by_zone.values())}.values())

    @property
    def split(self) -> bool:
        """Whether there are lanes beside the one that all consume."""
        return len(self.by_set) + len(self.by_zone) > 1


def lanes_of_queue(
    queue: str,
    consumers: ProfileSet,
    able_here: Iterable[ProfileSet],
    capability: Capability,
    *,
    zones: Mapping[str, ProfileSet] | None = None,
    able_in_zone: Iterable[ProfileSet] = (),
) -> QueueLanes:
    """Make the lanes of one queue from the sets of its consumers that can run something there.

    `zones` gives the profiles placed in each zone, `able_in_zone` the sets for tasks that stay in a zone.
    """
    if not consumers:
        return QueueLanes(queue, consumers, {})
    by_set = {consumers: Lane(queue, queue, capability.names(consumers))}
    by_set |= {able: _lane(queue, capability.names(able)) for able in sorted(set(able_here)) if able != consumers}
    by_zone = {
        (able, zone): _lane(queue, capability.names(able & placed), zone, everybody=able == consumers)
        for able in sorted(set(able_in_zone))
        for zone, placed in (zones or {}).items()
        if able & placed
    }
    return QueueLanes(queue, consumers, by_set, by_zone)


def _lane(queue: str, profiles: tuple[str, ...], zone: str | None = None, *, everybody: bool = False) -> Lane:
    place = f"@{zone}" if zone is not None else ""
    name = queue + place if everybody else f"{queue}:{'+'.join(profiles)}{place}"
    if len(name) > LONGEST_NAME:
        import hashlib  # noqa: PLC0415 - only very wide lanes pay for it

        digest = hashlib.sha256("+".join(profiles).encode()).hexdigest()[:12]
        name = f"{queue}:~{len(profiles)}-profiles-{digest}{place}"
    return Lane(name, queue, profiles, zone)
