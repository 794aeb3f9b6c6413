"""A worker is to autoscale, and has no room to."""

from collections.abc import Iterator
from typing import NamedTuple

from allotment.model.node import Node
from allotment.model.profile import Autoscale, Pool, Profile
from allotment.model.quantities import show_cpu, show_memory
from allotment.rules.rule import Confidence, Edit, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.ADVICE
CONFIDENCE = Confidence.MEDIUM

FULL = 0.95
"""The share of a node from which on nothing is left to grow into."""


class _Growth(NamedTuple):
    """What a worker may grow to, beside what its profile says it takes."""

    key: str
    said: float
    most: float


def check(subject: Subject) -> Iterator[Finding]:
    """Find bounds that are one, and full nodes whose workers may grow past what their profile says they take."""
    for profile in subject.placed:
        bounds = profile.autoscale
        if bounds is not None and bounds.least == bounds.most:
            yield _fixed(profile, bounds)
        elif bounds is not None and profile.pool is Pool.PREFORK:
            yield from _crowded(subject, profile, bounds)


def _fixed(profile: Profile, bounds: Autoscale) -> Finding:
    path = ("profiles", profile.name)
    return Finding(
        f"profile {profile.name!r} scales from {bounds.least} to {bounds.most}, which is no scaling at all",
        f"write concurrency: {bounds.most} in place of autoscale, or let max be more than min",
        (Label((*path, "autoscale", "max"), "as many as at least"), Label((*path, "autoscale", "min"), "at least")),
        # first the figure, then what it stands in for: a preset has an autoscale of its own
        (Edit((*path, "concurrency"), str(bounds.most)), Edit((*path, "autoscale"), None)),
    )


def _crowded(subject: Subject, profile: Profile, bounds: Autoscale) -> Iterator[Finding]:
    """Give a finding for what is full on the first node that is; what is overcommitted `overcommitted-node` tells."""
    for growth in _growths(profile, bounds):
        for node in subject.model.nodes.values():
            capacity = getattr(node, growth.key)
            if profile.name in node.workers and capacity:
                taken = _taken(subject, node, growth.key)
                if FULL <= taken / capacity <= 1:
                    yield _finding(subject, profile, node, growth, taken)
                    break


def _growths(profile: Profile, bounds: Autoscale) -> Iterator[_Growth]:
    cpu, memory = profile.resources.cpu, profile.resources.memory
    if cpu is not None and bounds.most > cpu:
        yield _Growth("cpu", cpu, bounds.most)
    if memory is not None and profile.max_memory_per_child and profile.max_memory_per_child * bounds.most > memory:
        yield _Growth("memory", memory, profile.max_memory_per_child * bounds.most)


def _taken(subject: Subject, node: Node, key: str) -> float:
    profiles = subject.model.profiles
    return sum((getattr(profiles[name].resources, key) or 0) * count for name, count in node.workers.items())


def _finding(subject: Subject, profile: Profile, node: Node, growth: _Growth, taken: float) -> Finding:
    key, of = (growth.key, "cores") if growth.key == "cpu" else (growth.key, "memory")
    show = show_cpu if key == "cpu" else lambda amount: show_memory(int(amount))
    autoscale = subject.of_profile(profile.name, "autoscale")
    return Finding(
        f"a worker of profile {profile.name!r} takes {show(growth.said)} {of}, may grow to {show(growth.most)}, and of"
        f" node {node.name!r} {show(taken)} of {show(getattr(node, key))} are taken",
        f"say in resources what the worker takes at its largest ({key}: {show(growth.most)}), and run fewer there;"
        f" or let it scale up to less",
        (
            Label(autoscale, f"to {show(growth.most)}"),
            Label(("profiles", profile.name, "resources", key), "what it says it takes"),
            Label(("nodes", node.name, key), f"{show(taken)} taken"),
        ),
    )
