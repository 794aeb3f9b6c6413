"""A worker in Python: `TaskBackendWorker`, and `task_filter`, which restricts one."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, cast

from allotment.backends.finding import find_backend
from allotment.backends.protocol import TaskBackend, is_backend
from allotment.backends.request import Source, WorkerRequest, usual_file
from allotment.backends.worker_plan import WorkerPlan
from allotment.errors import SelectionInvalid

Target = TypeVar("Target", bound=Callable[..., "TaskBackendWorker"])


class TaskBackendWorker:
    """One worker of a task backend, planned when it is made.

    `app` is a backend, an app of its kind, or `module:attribute` of one; left out, the file names it. `file` is a fleet
    file or a file of worker profiles; left out, the usual one, where one is there. `tasks` and `exclude_tasks` hold
    names, last parts of names, or patterns; `concurrency` counts tasks at once.

    Raises an AllotmentError when it is made: UnknownName for a backend, task, queue or profile that is not there,
    SelectionInvalid where what is asked contradicts itself, leaves nothing, shares a lane with what is left out, or
    cannot be: fewer than one task at once, a log level that there is not.
    """

    filters: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """What `task_filter` restricts every worker of this class to."""

    def __init__(
        self,
        backend_type: str = "celery",
        *,
        app: object | None = None,
        tasks: Sequence[str] | None = None,
        exclude_tasks: Sequence[str] = (),
        queues: Sequence[str] | None = None,
        profile: str | None = None,
        file: str | Path | None = None,
        node: str | None = None,
        concurrency: int | None = None,
        name: str | None = None,
        log_level: str = "INFO",
    ) -> None:
        self._request = WorkerRequest(
            tasks=None if tasks is None else _names(tasks),
            exclude_tasks=_names(exclude_tasks),
            within=self.filters,
            queues=None if queues is None else _names(queues),
            profile=profile,
            node=node,
            concurrency=concurrency,
            name=name,
            log_level=log_level.upper(),
        )
        self._backend = _backend(backend_type, app, file)
        self._plan = self._backend.plan(self._request)

    @property
    def backend(self) -> TaskBackend:
        """The backend whose tasks it takes."""
        return self._backend

    def plan(self) -> WorkerPlan:
        """Give what it is: name, tasks, lanes, figures."""
        return self._plan

    def run(self) -> int:
        """Be the worker until told to stop; give the exit code. Raises AllotmentError before anything is taken."""
        return self._backend.run(self._plan)

    def restricted_to(self, names: Iterable[str]) -> Self:
        """Give the same worker with these of its tasks alone. Raises UnknownName and SelectionInvalid."""
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._request = replace(self._request, within=(*self._request.within, _names(names)))  # noqa: SLF001 - its own
        made._plan = self._backend.plan(made._request)  # noqa: SLF001 - as above
        return made


def _names(given: Iterable[str]) -> tuple[str, ...]:
    """Give the names; one alone may stand for itself."""
    return (given,) if isinstance(given, str) else tuple(given)


def _backend(backend_type: str, app: object | None, file: str | Path | None) -> TaskBackend:
    if not is_backend(app):
        folder = Path.cwd()
        named = None if file is None else Path(file)
        return find_backend(backend_type).load(
            Source(app, named, usual_file(folder, os.environ), folder, named_by="file=")
        )
    backend = cast("TaskBackend", app)
    if file is not None or backend.name != backend_type:
        what = "has a plan of its own" if file is not None else f"is of the type {backend.name!r}, not {backend_type!r}"
        raise SelectionInvalid(f"the backend that app= gives {what}", hint="leave the other argument out")
    return backend


def task_filter(names: Iterable[str]) -> Callable[[Target], Target]:
    """Restrict a subclass of TaskBackendWorker, or a function that makes a worker, to these tasks.

    Names are as in `tasks` of the worker. One that is not there is an UnknownName when a worker is made. Several
    filters leave what all of them name.
    """
    kept = _names(names)

    def decorate(target: Target) -> Target:
        if isinstance(target, type):
            target.filters = (*target.filters, kept)  # type: ignore[attr-defined]  # a subclass of the worker
            return target

        @wraps(target)
        def make(*arguments: Any, **options: Any) -> TaskBackendWorker:
            return target(*arguments, **options).restricted_to(kept)

        return make  # type: ignore[return-value]  # it takes what the function takes, and gives a worker

    return decorate
