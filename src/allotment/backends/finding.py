"""Backends by their entry points."""

from importlib.metadata import EntryPoint, entry_points

from allotment.backends.protocol import MEMBERS, TaskBackend
from allotment.errors import AllotmentError, BackendUnusable, UnknownName
from allotment.model.names import did_you_mean

GROUP = "allotment.backends"


def find_backend(name: str) -> type[TaskBackend]:
    """Give the backend of this name. Raises UnknownName, and BackendUnusable where its entry point leads nowhere."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        hint = did_you_mean(name, found, otherwise=f"install the distribution that has it ({GROUP})")
        raise UnknownName(f"there is no backend {name!r}", hint=hint)
    return _loaded(found[name])


def _loaded(point: EntryPoint) -> type[TaskBackend]:
    try:
        backend = point.load()
    except AllotmentError:
        raise
    except Exception as error:
        raise _unusable(point, f"cannot be imported: {type(error).__name__}: {error}") from error
    missing = [member for member in MEMBERS if not hasattr(backend, member)]
    if missing:
        raise _unusable(point, f"is no backend: it lacks {', '.join(missing)}")
    found: type[TaskBackend] = backend
    return found


def _unusable(point: EntryPoint, why: str) -> BackendUnusable:
    of = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return BackendUnusable(
        f"the backend {point.name!r} ({point.value}{of}) {why}",
        hint="mend or remove that distribution; its entry point must name a class with load, tasks, plan and run",
    )
