"""Names of workers. Importing this module imports nothing slow: a health check has to find its worker's name."""

import os
from collections.abc import Sequence

from allotment.model.names import worker_name

LOCAL = "local"
"""The node of a fleet that names none, as `allotment.model.node` has it."""

_LONGEST = 60


def full_name(name: str) -> str:
    """Give a worker's name with its host, as Celery's `-n` takes it: `%h` stands for the host, `%%` for the sign."""
    host = os.uname().nodename
    name = "%".join(part.replace("%h", host) for part in name.split("%%"))
    return name if "@" in name else f"{name}@{host}"


def usual_name(profile: str | None, node: str | None, tasks: Sequence[str] | None, queues: Sequence[str] | None) -> str:
    """Give the name of a worker that is given none: it tells what was asked for.

    A profile's is the one that `allot worker` gives it.
    """
    if profile is not None:
        return worker_name(profile, 1, node or LOCAL)
    for chosen, what in ((tasks, "tasks"), (queues, "queues")):
        if chosen:
            joined = "+".join(chosen).replace("*", "all")
            plain = len(joined) <= _LONGEST and not set("?[]%@").intersection(joined)
            return full_name(joined if plain else f"{len(chosen)}-{what}")
    return full_name("worker")
