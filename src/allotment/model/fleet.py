"""The whole fleet as its file describes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from allotment.model.address import Address
from allotment.model.kind import ResourceRouting
from allotment.model.node import LOCAL, Node
from allotment.model.profile import Profile
from allotment.model.publishing import Publishing
from allotment.model.queue import DeadLetters, Queue
from allotment.model.task import TaskEntry


@dataclass(frozen=True)
class FleetModel:
    """Tasks, queues, profiles and nodes, checked against each other when made.

    `app` is `module:attribute` or None; `broker` and `results` None: the app's own settings. `queues` holds every queue
    that the file names, declared there or not. `visibility_timeout` and `consumer_timeout` are in seconds, None: the
    broker's own. `settings` go to the app as they are. Raises ValueError when a name refers to nothing.
    """

    profiles: Mapping[str, Profile]
    queues: Mapping[str, Queue] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    entries: tuple[TaskEntry, ...] = ()
    app: str | None = None
    broker: Address | None = None
    results: Address | None = None
    default_queue: str | None = None
    routing: ResourceRouting | None = None
    visibility_timeout: float | None = None
    consumer_timeout: float | None = None
    dead_letters: DeadLetters = field(default_factory=DeadLetters)
    publish: Publishing = field(default_factory=Publishing)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        queues = dict(self.queues)
        for queue in self._named_queues():
            queues.setdefault(queue, Queue(queue))
        object.__setattr__(self, "queues", queues)
        if not self.nodes:
            object.__setattr__(self, "nodes", {LOCAL: Node(LOCAL, dict.fromkeys(self.profiles, 1))})
        self._check_references()

    def _named_queues(self) -> Iterator[str]:
        for profile in self.profiles.values():
            yield from profile.queues
        named = [*(entry.queue for entry in self.entries), self.default_queue]
        named += self.routing.queues.values() if self.routing else ()
        yield from (queue for queue in named if queue is not None)

    def _check_references(self) -> None:
        for node in self.nodes.values():
            for profile in node.workers:
                if profile not in self.profiles:
                    raise ValueError(f"node {node.name!r} runs profile {profile!r}, which is not there")
