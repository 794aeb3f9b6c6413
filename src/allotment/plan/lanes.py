"""Lanes: the broker queues behind a queue of the file.

Where all who consume a queue can run all that is sent there, the queue is its own lane. Else there is one broker queue
for each distinct set of profiles that can run a task there, named after the set; each worker consumes every lane it can
serve. The queue's plain name then stays as an intake for producers that know nothing of lanes: whoever consumes the
queue takes from it, and the guard forwards what the taker cannot run.
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
    """The lanes of one queue by the set of profiles each is for; `intake`: the plain name is only an intake."""

    queue: str
    consumers: ProfileSet
    by_set: Mapping[ProfileSet, Lane]
    intake: bool

    @property
    def widest(self) -> Lane | None:
        """The lane most profiles serve: where a task that everybody can run is sent."""
        return max(self.by_set.values(), key=lambda lane: (len(lane.profiles), lane.name), default=None)


def lanes_of_queue(
    queue: str, consumers: ProfileSet, able_here: Iterable[ProfileSet], capability: Capability
) -> QueueLanes:
    """Make the lanes of one queue from the distinct non-empty sets of its consumers that can run something there."""
    sets = sorted(set(able_here))
    if not consumers:
        return QueueLanes(queue, consumers, {}, intake=False)
    if all(able == consumers for able in sets):
        whole = Lane(queue, queue, capability.names(consumers))
        return QueueLanes(queue, consumers, {consumers: whole}, intake=False)
    by_set = {able: _lane(queue, capability.names(able)) for able in sets}
    return QueueLanes(queue, consumers, by_set, intake=True)


def _lane(queue: str, profiles: tuple[str, ...]) -> Lane:
    name = f"{queue}:{'+'.join(profiles)}"
    if len(name) > LONGEST_NAME:
        import hashlib  # noqa: PLC0415 - only very wide lanes pay for it

        digest = hashlib.sha256("+".join(profiles).encode()).hexdigest()[:12]
        name = f"{queue}:{len(profiles)}-profiles-{digest}"
    return Lane(name, queue, profiles)
