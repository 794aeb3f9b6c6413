"""A node is to run a worker that needs a label or a mount which the node does not have."""

from collections.abc import Iterator

from allotment.plan.placement import Misfit, misfits
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH
PROOF = True

_SHOWN = 3
"""As many nodes are pointed at."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find what a profile requires and nodes that run it lack; one finding a label or mount of a profile."""
    found: dict[tuple[str, str, str], list[Misfit]] = {}
    for misfit in misfits(subject.model):
        if misfit.item is not None:
            found.setdefault((misfit.profile, misfit.key, misfit.item), []).append(misfit)
    for (profile, key, item), lacking in found.items():
        nodes = [misfit.node for misfit in lacking]
        what = key.removesuffix("s")
        yield Finding(
            f"profile {profile!r} requires the {what} {item!r}, which {'nodes' if len(nodes) > 1 else 'node'}"
            f" {a_few(nodes)} {'lack' if len(nodes) > 1 else 'lacks'}: its workers do not start there",
            f"add the {what} to {key}: of the {'nodes' if len(nodes) > 1 else 'node'} if it is there,"
            f" or run {profile!r} elsewhere",
            (
                *(Label(_place(subject, node, profile, key), f"no {what} {item}") for node in nodes[:_SHOWN]),
                Label(_requirement(subject, profile, key, item), "required here"),
            ),
        )


def _place(subject: Subject, node: str, profile: str, key: str) -> Path:
    path = ("nodes", node, key)
    return path if subject.written(*path) else ("nodes", node, "workers", profile)


def _requirement(subject: Subject, profile: str, key: str, item: str) -> Path:
    requires = subject.model.profiles[profile].requires
    items = [mount.path for mount in requires.mounts] if key == "mounts" else list(requires.labels)
    return ("profiles", profile, "requires", key, items.index(item))
