"""Workers on nodes: which run where, and what a node cannot give them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from allotment.model.fleet import FleetModel
from allotment.model.names import worker_name
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.quantities import show_cpu, show_memory

_Amount = TypeVar("_Amount", int, float)


_ROUNDING = 1e-9
"""By how much sums of fractions of cores may be off."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process tree: the profile it is of, the node it runs on, and its number there, from 1.

    `consumes` are the lanes it serves. `concurrency` None: as many as the node has cores. `own_name` is one it was
    given.
    """

    profile: str
    node: str
    index: int
    consumes: tuple[str, ...]
    concurrency: int | None
    own_name: str | None = None

    @property
    def name(self) -> str:
        """The worker's name as Celery knows it: `profile-index@node`, unless it has one of its own."""
        return self.own_name or worker_name(self.profile, self.index, self.node)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something a node cannot give a worker of this profile, and what would mend it.

    `key` is the key of the node that tells: labels or mounts, of which it lacks `item`; cpu or memory, of which its
    workers together take too much, this profile's the most.
    """

    node: str
    profile: str
    key: str
    item: str | None
    reason: str
    mend: str


def concurrency_on(profile: Profile, node: Node) -> int | None:
    """Give how many tasks a worker runs at once: as said, else the node's cores, None where those are not known."""
    if profile.concurrency is not None:
        return profile.concurrency
    return max(1, int(node.cpu)) if node.cpu is not None else None


def misfits(model: FleetModel) -> Iterator[Misfit]:
    """Give every worker that its node cannot hold: a label or a mount missing, cores or memory overcommitted."""
    for node in model.nodes.values():
        for name, count in node.workers.items():
            if count:
                yield from _lacking(model.profiles[name], node)
        yield from _overcommitted(model, node)


def _lacking(profile: Profile, node: Node) -> Iterator[Misfit]:
    for label in profile.requires.labels:
        if label not in node.labels:
            reason = f"node {node.name!r} has no label {label!r}"
            mend = f"add the label to the node, or run {profile.name!r} elsewhere"
            yield Misfit(node.name, profile.name, "labels", label, reason, mend)
    if node.mounts is None:
        return
    for mount in profile.requires.mounts:
        if mount.path not in node.mounts:
            reason = f"node {node.name!r} has no mount {mount.path!r}"
            mend = f"mount it there, or run {profile.name!r} elsewhere"
            yield Misfit(node.name, profile.name, "mounts", mount.path, reason, mend)


def _overcommitted(model: FleetModel, node: Node) -> Iterator[Misfit]:
    placed = [(model.profiles[name], count) for name, count in node.workers.items() if count]
    cores = {profile.name: (profile.resources.cpu, count) for profile, count in placed}
    memory = {profile.name: (profile.resources.memory, count) for profile, count in placed}
    for key, taken, excess in (
        ("cpu", cores, _excess("cores", node.cpu, cores.values(), show_cpu)),
        ("memory", memory, _excess("memory", node.memory, memory.values(), show_memory)),
    ):
        if excess:
            largest = max(taken, key=lambda name: (taken[name][0] or 0) * taken[name][1])
            reason = f"node {node.name!r} has {excess}"
            yield Misfit(node.name, largest, key, None, reason, "run fewer workers there, or make them smaller")


def _excess(
    what: str, capacity: _Amount | None, taken: Iterable[tuple[_Amount | None, int]], show: Callable[[_Amount], str]
) -> str | None:
    """Put into words how much more the workers take than there is; None where it is enough, or not known."""
    if capacity is None:
        return None
    terms = [(each, count) for each, count in taken if each is not None]
    total = sum(each * count for each, count in terms)
    if total <= capacity * (1 + _ROUNDING):
        return None
    added = " + ".join(f"{count} × {show(each)}" for each, count in terms)
    return f"{show(capacity)} {what}, its workers take {added} = {show(total)}"
