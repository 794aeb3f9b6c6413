"""Profiles of a file of another shape, gathered one by one into those of a fleet file."""

from typing import Any

from allotment.model.node import LOCAL
from allotment.source.shapes.assumed import routes
from allotment.source.shapes.draft import At, Draft
from allotment.source.shapes.profile_keys import Keys, translate

NAMES_QUEUES = frozenset({"queues", "preset"})
"""The keys from which a profile has its queues."""

_COUNT = "replicas"


class Profiles:
    """Profiles in the making; `at` is where the whole of them stands in the file."""

    def __init__(self, draft: Draft, at: At, keys: Keys) -> None:
        self._draft = draft
        self._at = at
        self._keys = keys
        self._made = draft.mapping()
        self._counts = draft.mapping()

    def add(self, at: At, *, with_queue: bool, values: dict[str, Any] | None = None) -> None:
        """Add the one that stands there; `with_queue`: if it names no queues it has one of its own name.

        `values` are to be taken instead of what stands there.
        """
        name, values = str(at.step), at.value if values is None else values
        if not isinstance(values, dict):
            self._draft.take(self._made, name, at)
            return
        profile = self._draft.mapping()
        if with_queue and all(values.get(key) is None for key in NAMES_QUEUES):
            queues = self._draft.sequence()
            self._draft.append(queues, name, at, named=True)
            self._draft.put(profile, "queues", queues, at, named=True)
        translate(self._draft, profile, values, self._keys)
        if _COUNT in profile:
            self._draft.take(self._counts, name, At(profile, _COUNT))
            self._draft.remove(profile, _COUNT)
        self._draft.put(self._made, name, profile, at)

    def put_into(self, root: dict[str, Any], *, with_routes: bool) -> dict[str, Any]:
        """Put them into the root of a fleet file, and give what they imply."""
        draft, at = self._draft, self._at
        draft.put(root, "profiles", self._made, at)
        assumed = draft.mapping()
        if self._counts:
            nodes, node = draft.mapping(), draft.mapping()
            draft.put(node, "workers", self._counts, at, named=True)
            draft.put(nodes, LOCAL, node, at, named=True)
            draft.put(assumed, "nodes", nodes, at, named=True)
        if with_routes:
            draft.put(assumed, "tasks", routes(draft, self._made), at, named=True)
        return assumed
