"""Names of workers and of their heartbeat files.

Importing this module imports nothing slow: a health check has to find its worker's file.
"""

import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from allotment.model.names import worker_name
from allotment.model.node import LOCAL

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Selection:
    """What a worker is asked to take, as it was written; nothing of it was looked up."""

    tasks: tuple[str, ...] = ()
    exclude_tasks: tuple[str, ...] = ()
    within: tuple[tuple[str, ...], ...] = ()
    queues: tuple[str, ...] = ()
    profile: str | None = None
    node: str | None = None


def full_name(name: str) -> str:
    """Give a worker's name with its host, as Celery's `-n` takes it: `%h` stands for the host, `%%` for the sign."""
    host = os.uname().nodename
    name = "%".join(part.replace("%h", host) for part in name.split("%%"))
    return name if "@" in name else f"{name}@{host}"


def usual_name(selection: Selection) -> str:
    """Give the name of a worker that is given none: it tells what was asked for.

    A profile's is the one that `allot worker` gives it.
    """
    if selection.profile is not None:
        return worker_name(selection.profile, 1, selection.node or LOCAL)
    chosen = _joined(selection.tasks, "tasks") or _joined(selection.queues, "queues")
    excluded = _joined(selection.exclude_tasks, "tasks")
    if excluded:
        return full_name(f"{chosen or 'all'}-but-{excluded}")
    return full_name(chosen or "worker")


def _joined(names: tuple[str, ...], what: str) -> str:
    joined = "+".join(names).replace("*", "all")
    plain = len(joined) <= _LONGEST and not set("?[]%@/").intersection(joined)
    return joined if plain else f"{len(names)}-{what}"


def heartbeat_name(selection: Selection, *, app: str, file: Path | None, folder: Path, name: str | None) -> str:
    """Name the heartbeat file of a worker: apart for all that were asked for in other words, or elsewhere.

    `app` and `file` are as they were named, empty and None where the folder decides. A worker with a `name` of its own
    is told by that and the folder alone. A profile's node is not looked up in the file: that would be slow.
    """
    if name:
        return f"{full_name(name)}-{_digest(str(folder))}"
    own = selection.profile is not None and selection.node is None
    label = usual_name(selection).partition("@")[0] if own else usual_name(selection)
    # links are not followed, as those of a ConfigMap change
    place = os.path.abspath(folder / file) if file is not None else str(folder)  # noqa: PTH100 - drops `..` as well
    return f"{label}-{_digest(place, app, asdict(selection))}"


def _digest(*said: object) -> str:
    return f"{zlib.crc32(json.dumps(said).encode()):08x}"
