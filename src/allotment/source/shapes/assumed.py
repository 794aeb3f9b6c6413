"""What a file of another shape implies and does not write: it holds as far as nothing that is written says otherwise.

Such a file lists the tasks of a profile, and the profile's queues, but no routes; it may say how many workers of a
profile there are, and not where. Whoever reads it keeps that beside the document, in the form of a fleet file, save
that a task has the lists of queues it may go to. Only when all files are together is it settled:

- A task goes to the first queue that the profiles listing it share, else to the first profile's first. An entry or a
  pattern under `tasks:` that names it goes before; and where an app, a default queue or a routing by resource may know
  better, nothing is assumed unless there is but one queue to choose.
- Workers are placed as the file says unless a node that is written runs their profile. Profiles that nothing places run
  once, as in a fleet without nodes, where no node is written.
- An address holds for the file alone: one that includes it says its own.
"""

from collections.abc import Callable, Mapping
from typing import Any

from allotment.model import names
from allotment.model.node import LOCAL
from allotment.model.patterns import PatternIndex, is_pattern
from allotment.model.preset import PRESETS
from allotment.source.document import Document
from allotment.source.shapes.draft import At, Draft

OVERRULED = frozenset({"broker"})
"""What is not assumed of a file that another includes."""

_ROUTING = ("app", "default_queue", "route_by_resource")


def says_where_tasks_go(root: Mapping[str, Any]) -> bool:
    """Say whether a fleet file tells which tasks there are or where they go, so that its profiles need not."""
    return any(root.get(key) is not None for key in ("tasks", *_ROUTING))


def routes(draft: Draft, profiles: Any) -> dict[str, Any]:
    """Give each task that a profile lists by its full name, with the lists of queues of the profiles that do."""
    found = draft.mapping()
    for name, profile in profiles.items() if isinstance(profiles, dict) else ():
        if not isinstance(profile, dict) or not isinstance(profile.get("tasks"), list):
            continue
        queues = _queues(draft, At(profiles, name))
        excluded = PatternIndex((key, key) for key in _texts(profile.get("exclude_tasks")))
        for number, task in enumerate(profile["tasks"] if queues else ()):
            if _is(names.task_name, task) and not is_pattern(task) and excluded.first(task) is None:
                if task not in found:
                    draft.put(found, task, [], At(profile["tasks"], number))
                if not any(queues is known for known in found[task]):
                    found[task].append(queues)
    return found


def _queues(draft: Draft, at: At) -> list[Any] | None:
    """Give the queues of a profile; None where they are not as they should be, which is said elsewhere."""
    queues, preset = at.value.get("queues"), at.value.get("preset")
    if queues is None and isinstance(preset, str) and preset in PRESETS:
        queues = draft.sequence()
        for queue in PRESETS[preset].queues:
            draft.append(queues, queue, at, named=True)
    return queues if isinstance(queues, list) and all(_is(names.queue_name, queue) for queue in queues) else None


def _is(read: Callable[[str], str], value: Any) -> bool:
    try:
        return isinstance(value, str) and read(value) == value
    except ValueError:
        return False


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def settled(document: Document) -> Document:
    """Give the document with what is assumed put in, as far as nothing that is written says otherwise."""
    if not document.assumed or not isinstance(document.root, dict):
        return document
    draft = Draft(document)
    root = draft.mapping(document.root)
    for assumed in document.assumed:
        if "broker" in assumed and root.get("broker") is None:
            draft.take(root, "broker", At(assumed, "broker"))
    _place(draft, root, [At(assumed, "nodes") for assumed in document.assumed if "nodes" in assumed])
    _route(draft, root, [At(assumed, "tasks") for assumed in document.assumed if "tasks" in assumed])
    return draft.document(draft.with_last(root, document.root))


def _section(draft: Draft, root: dict[str, Any], section: str, at: At) -> dict[str, Any] | None:
    """Give a section of which there may be more; None where what is written there is none."""
    written = root.get(section)
    if written is not None and not isinstance(written, dict):
        return None
    made = draft.mapping(written)
    draft.put(root, section, made, at if written is None else At(root, section))
    return made


def _route(draft: Draft, root: dict[str, Any], assumed: list[At]) -> None:
    entries = _section(draft, root, "tasks", assumed[0]) if any(at.value for at in assumed) else None
    if entries is None:
        return
    written = PatternIndex((key, key) for key in entries)
    sure = any(root.get(key) is not None for key in _ROUTING)
    choices: dict[str, tuple[At, list[list[str]]]] = {}
    for at in assumed:
        for task, queues in at.value.items():
            choices.setdefault(task, (At(at.value, task), []))[1].extend(queues)
    for task, (at, lists) in choices.items():
        number = None if written.first(task) is not None else _choice(lists, sure=sure)
        if number is not None:
            entry = draft.mapping()
            draft.take(entry, "queue", At(lists[0], number))
            draft.put(entries, task, entry, at)


def _choice(lists: list[list[str]], *, sure: bool) -> int | None:
    """Give the number of the queue to take from the first list; None where there are several and it must be sure."""
    others = [set(queues) for queues in lists[1:]]
    shared = [queue for queue in lists[0] if all(queue in queues for queues in others)]
    if not lists[0] or (sure and len(shared) != 1):
        return None
    return lists[0].index((shared or lists[0])[0])


def _place(draft: Draft, root: dict[str, Any], assumed: list[At]) -> None:
    written = root.get("nodes")
    nodes = _section(draft, root, "nodes", assumed[0]) if assumed else None
    if nodes is None:
        return
    placed = _placed(nodes)
    for at in assumed:
        for name in at.value:
            _put_node(draft, nodes, At(at.value, name), placed)
    profiles = root.get("profiles")
    if not written and isinstance(profiles, dict):
        left = {name: 1 for name in profiles if name not in _placed(nodes) and _is(names.label, name)}
        workers = _workers(draft, nodes, LOCAL, At(root, "profiles")) if left else {}
        for name in left:
            draft.put(workers, name, 1, At(profiles, name), named=True)


def _placed(nodes: dict[str, Any]) -> set[str]:
    of_nodes = (node.get("workers") for node in nodes.values() if isinstance(node, dict))
    return {profile for workers in of_nodes if isinstance(workers, dict) for profile in workers}


def _put_node(draft: Draft, nodes: dict[str, Any], at: At, placed: set[str]) -> None:
    """Put in a node, or add its workers to the node of that name, save those that run elsewhere."""
    left = [profile for profile in at.value["workers"] if profile not in placed and _is(names.label, profile)]
    workers = _workers(draft, nodes, str(at.step), at) if left else {}
    for profile in left:
        draft.take(workers, profile, At(at.value["workers"], profile))
    node = nodes.get(str(at.step))
    if left and "labels" in at.value and isinstance(node, dict) and node.get("labels") is None:
        draft.take(node, "labels", At(at.value, "labels"))


def _workers(draft: Draft, nodes: dict[str, Any], name: str, at: At) -> dict[str, Any]:
    """Give the workers of a node, made where it is not there; they may be added to."""
    there = nodes.get(name)
    if there is not None and not isinstance(there, dict):
        return draft.mapping()  # the table of keys says what is wrong with it
    node = draft.mapping(there)
    workers = draft.mapping(node["workers"] if isinstance(node.get("workers"), dict) else None)
    draft.put(node, "workers", workers, at, named=True)
    draft.put(nodes, name, node, at if there is None else At(nodes, name), named=there is None)
    return workers
