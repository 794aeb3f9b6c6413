"""The whole fleet as its file describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from allotment.model.address import Address
from allotment.model.node import LOCAL, Node
from allotment.model.profile import Profile
from allotment.model.queue import Queue
from allotment.model.task import TaskEntry


@dataclass(frozen=True)
class FleetModel:
    """Tasks, queues, profiles and nodes, checked against each other when made.

    `app` is `module:attribute` or None; `broker` and `results` None: the app's own settings. `queues` holds every queue
    that a profile consumes, declared in the file or not. Raises ValueError when a name refers to nothing.
    """

    profiles: Mapping[str, Profile]
    queues: Mapping[str, Queue] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    entries: tuple[TaskEntry, ...] = ()
    app: str | None = None
    broker: Address | None = None
    results: Address | None = None
    default_queue: str | None = None

    def __post_init__(self) -> None:
        queues = dict(self.queues)
        for profile in self.profiles.values():
            for queue in profile.queues:
                queues.setdefault(queue, Queue(queue))
        object.__setattr__(self, "queues", queues)
        if not self.nodes:
            object.__setattr__(self, "nodes", {LOCAL: Node(LOCAL, dict.fromkeys(self.profiles, 1))})
        self._check_references()

    def _check_references(self) -> None:
        named = [entry.queue for entry in self.entries] + [self.default_queue]
        for queue in named:
            if queue is not None and queue not in self.queues:
                raise ValueError(f"no queue {queue!r}")
        for node in self.nodes.values():
            for profile in node.workers:
                if profile not in self.profiles:
                    raise ValueError(f"node {node.name!r} runs profile {profile!r}, which is not there")
