"""The workers of a node take more of it than there is."""

from collections.abc import Iterator

from allotment.model.quantities import counted, show_cpu, show_memory
from allotment.plan.placement import misfits
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH
PROOF = True

_SHOWN = 3
"""The resources of as many profiles are pointed at."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find nodes whose workers' `resources` add up to more cores or memory than the node says it has."""
    for misfit in misfits(subject.model):
        if misfit.key in {"cpu", "memory"}:
            node = subject.model.nodes[misfit.node]
            yield Finding(
                misfit.reason,
                misfit.mend,
                (
                    Label(
                        ("nodes", node.name, "workers", misfit.profile),
                        f"{counted(node.workers[misfit.profile], 'worker')} of {misfit.profile} take the most",
                    ),
                    Label(("nodes", node.name, misfit.key), "this is all there is"),
                    *_taken(subject, misfit.node, misfit.key),
                ),
            )


def _taken(subject: Subject, node: str, key: str) -> list[Label]:
    """Point at what the profiles of a node take, those that take the most first."""
    found = []
    for name, count in subject.model.nodes[node].workers.items():
        resources = subject.model.profiles[name].resources
        each = resources.cpu if key == "cpu" else resources.memory
        if each is not None:
            shown = show_cpu(each) if key == "cpu" else show_memory(int(each))
            found.append((each * count, Label(("profiles", name, "resources", key), f"{count} × {shown}")))
    return [label for _, label in sorted(found, key=lambda one: -one[0])[:_SHOWN]]
