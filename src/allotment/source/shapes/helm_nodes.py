"""Nodes for the workers of a Helm chart: one for each set of machines that a `nodeSelector` picks."""

import re
from typing import Any

from allotment.model.names import LABEL_LENGTH
from allotment.source.shapes.draft import At, Draft
from allotment.source.shapes.helm_keys import OF_AUTOSCALING, report_misspelt

ANY_NODE = "cluster"
"""The node of the workers that may run on any machine."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class Nodes:
    """Nodes in the making; `made` holds them in the form of a fleet file's."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._names: dict[tuple[tuple[str, str], ...], str] = {}
        self.made = draft.mapping()

    def place(self, at: At) -> list[Any]:
        """Put a worker on the node that its selector picks, and give the labels of that node."""
        worker = at.value
        selector = worker.get("nodeSelector")
        if selector is not None and not self._selects(selector):
            example = "for example nodeSelector: {pool: gpu}"
            self._draft.problem("bad-value", "this selects no node", At(worker, "nodeSelector"), example)
            selector = None
        texts = {key: _text(value) for key, value in (selector or {}).items()}
        chosen = tuple(sorted(texts.items()))
        if chosen not in self._names:
            self._names[chosen] = self._name(texts)
            self._make(self._names[chosen], At(worker, "nodeSelector") if texts else at, texts)
        node = self.made[self._names[chosen]]
        self._count(node["workers"], at)
        labels: list[Any] = node.get("labels", [])
        return labels

    @staticmethod
    def _selects(selector: Any) -> bool:
        return isinstance(selector, dict) and not any(isinstance(value, (dict, list)) for value in selector.values())

    def _name(self, texts: dict[str, str]) -> str:
        """Make a name of what is selected that no other node has."""
        parts = [_valid(value) or _valid(key) for key, value in texts.items()]
        first = "-".join(part for part in parts if part)[:LABEL_LENGTH] or ANY_NODE
        name, number = first, len(self.made)
        while name in self.made or (texts and name == ANY_NODE):
            number += 1
            name = f"{first[: LABEL_LENGTH - 8]}-{number}"
        return name

    def _make(self, name: str, at: At, texts: dict[str, str]) -> None:
        draft = self._draft
        node = draft.mapping()
        if texts:
            labels = draft.sequence()
            for key, value in texts.items():
                label = _valid(f"{key}-{value}")[:LABEL_LENGTH]
                if label and label not in labels:
                    draft.append(labels, label, At(at.value, key))
            draft.put(node, "labels", labels, at)
        draft.put(node, "workers", draft.mapping(), at, named=True)
        draft.put(self.made, name, node, at, named=True)

    def _count(self, workers: dict[str, Any], at: At) -> None:
        """Say how many there are: the least that autoscaling keeps where it is on, else the replicas, else one."""
        draft, worker = self._draft, at.value
        scaling = worker.get("autoscaling")
        keys = [At(worker, key) for key in ("replicas", "replicaCount") if worker.get(key) is not None]
        if isinstance(scaling, dict):
            report_misspelt(draft, scaling, OF_AUTOSCALING)
            if scaling.get("enabled") is True:
                keys = [At(scaling, "minReplicas")] if scaling.get("minReplicas") is not None else []
            elif scaling.get("enabled") not in (None, False):
                draft.problem("bad-value", "this is neither true nor false", At(scaling, "enabled"), "write true")
        elif scaling not in (None, False):
            hint = "for example autoscaling: {enabled: true, minReplicas: 2}"
            draft.problem("bad-value", "autoscaling is not a mapping", At(worker, "autoscaling"), hint)
        if keys:
            draft.take(workers, str(at.step), keys[0])
        else:
            draft.put(workers, str(at.step), 1, at, named=True)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _valid(text: str) -> str:
    """Make of a text what may be in a node's name or a label."""
    return _NOT_IN_NAMES.sub("-", text).strip("-_")
