"""Worker profiles in YAML: `profiles:` with keys and values that a fleet file does not have."""

from typing import Any

from allotment.source.document import Document
from allotment.source.shapes.assumed import routes, says_where_tasks_go
from allotment.source.shapes.draft import At, Draft
from allotment.source.shapes.profile_keys import COMMON
from allotment.source.shapes.profiles import NAMES_QUEUES, Profiles

_FOREIGN = frozenset({"description", "prefetch_multiplier", "replicas"})


def read(document: Document) -> Document:
    """Give worker profiles as a fleet file's values; a fleet file as it is. Raises FileInvalid."""
    root = document.root
    values = root.get("profiles")
    if not isinstance(values, dict):
        return document
    alone = not says_where_tasks_go(root)
    if not any(_is_foreign(profile) for profile in values.values()) and not _lists_tasks_alone(root):
        return _with_routes(document) if alone else document
    draft = Draft(document)
    profiles = Profiles(draft, At(root, "profiles"), COMMON)
    for name in values:
        profiles.add(At(values, name), with_queue=alone)
    made = draft.mapping(root)
    assumed = profiles.put_into(made, with_routes=alone)
    return draft.document(made, (assumed,))


def _is_foreign(profile: Any) -> bool:
    """Say whether a profile has a key or a value that no fleet file has."""
    if not isinstance(profile, dict):
        return False
    resources = profile.get("resources")
    return (
        not _FOREIGN.isdisjoint(profile)
        or profile.get("tasks") in ("*", "all")
        or isinstance(profile.get("autoscale"), (str, list))
        or (isinstance(resources, dict) and not resources.keys().isdisjoint(("limits", "requests")))
    )


def _lists_tasks_alone(root: dict[str, Any]) -> bool:
    """Say whether there is nothing but profiles that all list tasks and never a queue, which is no fleet file."""
    profiles = root["profiles"]
    return (
        bool(profiles)
        and len(root) == 1
        and all(
            isinstance(profile, dict) and isinstance(profile.get("tasks"), list) and NAMES_QUEUES.isdisjoint(profile)
            for profile in profiles.values()
        )
    )


def _with_routes(document: Document) -> Document:
    """Give the document with what its lists of tasks imply, if it has any."""
    draft = Draft(document)
    assumed = draft.mapping()
    tasks = routes(draft, document.root["profiles"])
    draft.put(assumed, "tasks", tasks, At(document.root, "profiles"), named=True)
    return draft.document(document.root, (assumed,)) if tasks else document
