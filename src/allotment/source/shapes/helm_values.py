"""Values of a Helm chart that has a deployment for each of its `workers:`."""

from collections.abc import Mapping
from typing import Any

from allotment.errors import FileProblem, Where
from allotment.model import names
from allotment.source.document import Document
from allotment.source.keys import FLEET
from allotment.source.shapes import helm_keys
from allotment.source.shapes.draft import At, Draft
from allotment.source.shapes.helm_nodes import Nodes
from allotment.source.shapes.profiles import Profiles

_OF_WORKERS = frozenset({*helm_keys.OF_PROFILES, *helm_keys.OF_PLACES, *helm_keys.OF_KUBERNETES})


def fits(root: Mapping[str, Any]) -> bool:
    """Say whether these are a chart's values, for certain: a fleet file that is wrong has better errors of its own."""
    workers = root.get("workers")
    if "profiles" in root or not isinstance(workers, dict):
        return False
    deployed = [worker for worker in workers.values() if isinstance(worker, dict)]
    certain = "taskConfig" in root or any(not helm_keys.OF_PLACES.isdisjoint(worker) for worker in deployed)
    return certain or (bool(deployed) and FLEET.keys.keys().isdisjoint(root))


def read(document: Document) -> Document:
    """Give a chart's values as a fleet file's. Raises FileInvalid."""
    root = document.root
    draft = Draft(document)
    profiles, nodes = Profiles(draft, At(root, "workers"), helm_keys.OF_PROFILES), Nodes(draft)
    for name in root["workers"]:
        at = At(root["workers"], name)
        if _runs(draft, at):
            helm_keys.report_misspelt(draft, at.value, _OF_WORKERS)
            profiles.add(at, with_queue=True, values=_profile(draft, at.value, nodes.place(at)))
    made = draft.mapping()
    assumed = profiles.put_into(made, with_routes=True)
    if nodes.made:
        draft.put(assumed, "nodes", nodes.made, At(root, "workers"))
    _add_broker(draft, assumed, root)
    return draft.document(made, (assumed,))


def _runs(draft: Draft, at: At) -> bool:
    """Say whether there is such a worker, which must have a name and be a mapping."""
    worker = at.value
    if not isinstance(worker, dict):
        draft.problem("bad-value", f"worker {at.step!r} is not a mapping", at, "write replicas: 2", key=True)
        return False
    enabled = worker.get("enabled")
    if enabled not in (None, True, False):
        draft.problem("bad-value", "this is neither true nor false", At(worker, "enabled"), "write enabled: true")
    if enabled is False:
        return False
    try:
        names.label(str(at.step))
    except ValueError as error:
        draft.problem("bad-name", str(error), at, "name the worker otherwise", key=True)
        return False
    return True


def _profile(draft: Draft, worker: Mapping[str, Any], labels: list[Any]) -> dict[str, Any]:
    """Give what is said of a worker itself, and that its node must have these labels."""
    values = draft.mapping()
    for key in worker:
        if key in helm_keys.OF_PROFILES:
            draft.take(values, key, At(worker, key))
    if labels:
        requires = draft.mapping()
        draft.put(requires, "labels", labels, At(worker, "nodeSelector"))
        draft.put(values, "requires", requires, At(worker, "nodeSelector"))
    return values


def _add_broker(draft: Draft, assumed: dict[str, Any], root: Mapping[str, Any]) -> None:
    config = root.get("taskConfig")
    if not isinstance(config, dict):
        return
    helm_keys.report_misspelt(draft, config, helm_keys.OF_TASKS)
    for key in ("broker_url", "brokerUrl"):
        at = At(config, key)
        if isinstance(config.get(key), (dict, list)):
            # without its line, which would be shown with what is in it
            where, hint = Where(draft.where(at).file), "write it as text: redis://…, amqp://…"
            draft.problems.append(FileProblem("bad-address", f"taskConfig.{key} is not text", where=where, hint=hint))
        elif config.get(key) not in (None, ""):
            draft.take(assumed, "broker", at)
