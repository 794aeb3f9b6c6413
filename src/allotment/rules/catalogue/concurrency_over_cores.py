"""A worker runs far more processes than its node has cores, and they take turns at them."""

from collections.abc import Iterator
from typing import NamedTuple

from allotment.model.kind import Kind
from allotment.model.node import Node
from allotment.model.profile import Pool, Profile
from allotment.model.quantities import counted, show_cpu
from allotment.rules.rule import Confidence, Edit, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

COMPUTING = 2
"""How many processes a core may have where tasks compute."""
OTHERWISE = 4
"""How many it may have where they do not, or nothing tells."""
CORES = 8.0
"""How many cores a node is taken to have that does not say."""


class _Placed(NamedTuple):
    """A node that runs a profile, with how many workers of it."""

    node: Node
    workers: int

    @property
    def cores(self) -> float:
        return max(1.0, self.node.cpu or CORES)

    def processes(self, each: int) -> int:
        """Count the processes on the node; where it does not say its cores, it may stand for several machines."""
        return each * (self.workers if self.node.cpu else 1)


def check(subject: Subject) -> Iterator[Finding]:
    """Find prefork profiles with more processes on a node than its cores bear; the node that is worst off is told."""
    nodes: dict[str, list[_Placed]] = {}
    for node in subject.model.nodes.values():
        for name, workers in node.workers.items():
            nodes.setdefault(name, []).append(_Placed(node, workers))
    for profile in subject.placed:
        each = profile.autoscale.most if profile.autoscale else profile.concurrency
        if profile.pool is Pool.PREFORK and each is not None:
            kind = subject.kind_of_profile(profile)
            times = COMPUTING if kind is Kind.CPU else OTHERWISE
            over = [one for one in nodes[profile.name] if one.processes(each) > times * one.cores]
            if over:
                worst = max(over, key=lambda one: one.processes(each) / one.cores)
                yield _finding(subject, profile, kind, worst, nodes[profile.name])


def _finding(subject: Subject, profile: Profile, kind: Kind | None, worst: _Placed, nodes: list[_Placed]) -> Finding:
    key = "autoscale" if profile.autoscale else "concurrency"
    each = profile.autoscale.most if profile.autoscale else profile.concurrency or 0
    total = worst.processes(each)
    sum_of = f"{worst.workers} × {each} = {total}" if total > each else f"{total}"
    labels = [
        Label(subject.of_profile(profile.name, key), f"up to {each} processes" if profile.autoscale else f"{each}")
    ]
    if worst.node.cpu:
        has = f"which has {show_cpu(worst.node.cpu)} {'core' if worst.node.cpu == 1 else 'cores'}"
        labels.append(Label(("nodes", worst.node.name, "cpu"), "for all of them"))
    else:
        has = "which does not say its cores; few machines have so many"
        labels.append(Label(("profiles", profile.name), f"{kind} work" if kind else "in processes"))
    if total > each:
        labels.append(Label(("nodes", worst.node.name, "workers", profile.name), counted(worst.workers, "worker")))
    edits = _edits(subject, profile, nodes) if kind is Kind.CPU else ()
    return Finding(
        f"profile {profile.name!r} runs {sum_of} processes on node {worst.node.name!r}, {has}",
        _remedy(profile, kind, worst, edits),
        tuple(labels),
        edits,
    )


def _remedy(profile: Profile, kind: Kind | None, worst: _Placed, edits: tuple[Edit, ...]) -> str:
    cores = max(1, int(worst.cores))
    if edits and edits[0].value is None:
        return "leave concurrency out: it is then as many as the node has cores"
    if edits:
        return f"set concurrency: {edits[0].value}, as many as the node has cores"
    if kind is Kind.IO:
        return "set pool: io, where a task that waits takes no process"
    if not worst.node.cpu:
        return "set as many as the nodes have cores; or, if they have so many, say so: cpu: of the node"
    fewer = "run fewer workers there, or " if worst.workers > 1 else ""
    what = "autoscale up to" if profile.autoscale else "set concurrency to"
    most = cores * (1 if kind is Kind.CPU else OTHERWISE) // worst.workers
    return f"{fewer}{what} {max(1, most)} at most"


def _edits(subject: Subject, profile: Profile, nodes: list[_Placed]) -> tuple[Edit, ...]:
    """Give as many processes as there are cores, where each node runs one worker and the file does not autoscale it."""
    path = ("profiles", profile.name, "concurrency")
    if any(one.workers > 1 for one in nodes) or subject.written("profiles", profile.name, "autoscale"):
        return ()
    cores = {one.node.cpu for one in nodes}
    known = cores.pop()
    if known and not cores:
        return (Edit(path, str(max(1, int(known)))),)
    # without a preset, whose own figures would then hold
    return () if profile.preset else (Edit(path, None),)
