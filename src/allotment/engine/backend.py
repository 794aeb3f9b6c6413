"""The Celery backend as a program uses it: register tasks, look at them, and send by the plan.

Importing this module imports no Celery: whoever runs a worker on gevent has to set that up before.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from allotment.backends.addresses import led_by_app, with_addresses
from allotment.backends.request import Source, WorkerRequest
from allotment.backends.task import RegisteredTask
from allotment.backends.worker_plan import WorkerPlan
from allotment.engine.backend_workers import CeleryWorkers
from allotment.errors import UnknownName
from allotment.model.names import did_you_mean, queue_name

if TYPE_CHECKING:
    from celery import Celery

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class BackendTask(Protocol[P, R_co]):
    """A registered task: called, it is the function; the rest is Celery's, which has no types."""

    name: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run it here and now."""

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Send it; gives Celery's AsyncResult."""

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Send it with Celery's options; gives Celery's AsyncResult."""

    def s(self, *args: Any, **kwargs: Any) -> Any:
        """Give a signature for Celery's canvas; arguments may be missing that the task before it gives."""

    def si(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Give a signature that takes nothing of the task before it."""


class CeleryBackend:
    """The tasks of a Celery app, which from now on sends by their plan.

    `app` left out, one is made. `fleet` is a fleet file or a file of worker profiles whose plan is followed; left out,
    each task has a lane of its own. Addresses that the file does not name are those of BROKER_URL and RESULT_URL, else
    the app's own. Connects to nothing. Raises FileInvalid, VariableInvalid and SettingsOverridden.
    """

    name: ClassVar[str] = "celery"

    def __init__(self, app: "Celery | None" = None, *, fleet: str | Path | None = None) -> None:
        from celery import Celery  # noqa: PLC0415 - see above

        from allotment.engine.following import Following, OwnPlan  # noqa: PLC0415
        from allotment.engine.installation import bind  # noqa: PLC0415
        from allotment.source.fleet_file import read_fleet_file  # noqa: PLC0415

        self._celery = Celery("tasks") if app is None else app
        if fleet is None:
            self._installation = bind(OwnPlan(self._celery, Path.cwd(), os.environ))
        else:
            file = read_fleet_file(Path(fleet))
            file = with_addresses(file if app is None else led_by_app(file), os.environ)
            self._installation = bind(Following(file, self._celery))

    @classmethod
    def load(cls, source: Source) -> CeleryWorkers:
        """Give the workers of a source's app. Raises FileInvalid, AppUnusable and UnknownName."""
        return CeleryWorkers.load(source)

    @property
    def celery(self) -> "Celery":
        """The Celery app."""
        return self._celery

    @property
    def tasks(self) -> Mapping[str, RegisteredTask]:
        """Every task registered by now, by its full name; read-only."""
        from allotment.engine.app import known_tasks  # noqa: PLC0415 - see above

        known = known_tasks(self._celery)
        plan = self._installation.plan
        for task in known:
            plan = self._installation.compiled_for(task.name).plan
        return MappingProxyType(
            {task.name: RegisteredTask(task.name, plan.tasks[task.name].queue, task.module) for task in known}
        )

    @overload
    def register_task(self, function: Callable[P, R], /) -> BackendTask[P, R]: ...

    @overload
    def register_task(
        self, /, *, bind: Literal[True], queue: str | None = None, name: str | None = None, **options: Any
    ) -> Callable[[Callable[Concatenate[Any, P], R]], BackendTask[P, R]]: ...

    @overload
    def register_task(
        self, /, *, queue: str | None = None, name: str | None = None, **options: Any
    ) -> Callable[[Callable[P, R]], BackendTask[P, R]]: ...

    def register_task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        **options: Any,
    ) -> Any:
        """Make a function a task of the backend; as a decorator, with or without arguments.

        `queue` is where it is sent, left out: as the file or the app's `task_routes` say, else a queue of its own name.
        `name` left out, it is that of the module and the function. `options` are those of Celery's `app.task`. Raises
        UnknownName for a queue that the file does not have, and ValueError for one that cannot be named so.
        """
        if function is not None:
            return self._celery.task(function, shared=False)
        if queue is not None:
            from allotment.engine.app import QUEUE_ATTRIBUTE  # noqa: PLC0415 - see above

            options[QUEUE_ATTRIBUTE] = self._known_queue(queue_name(queue))
        if name is not None:
            options["name"] = name
        # shared, as Celery has it unless told otherwise, a task is registered with every other app of the process too
        return self._celery.task(**{"shared": False, **options})

    def _known_queue(self, queue: str) -> str:
        queues = self._installation.file.model.queues
        if self._installation.follows and queue not in queues:
            name = self._installation.file.path.name
            raise UnknownName(f"{name} has no queue {queue!r}", hint=did_you_mean(queue, queues))
        return queue

    def plan(self, request: WorkerRequest) -> WorkerPlan:
        """Say what a worker would be. Raises AppUnusable, UnknownName, SelectionInvalid and ProofFailed."""
        return self._workers.plan(request)

    def run(self, plan: WorkerPlan) -> int:
        """Be that worker, in this process, until told to stop; give Celery's exit code."""
        return self._workers.run(plan)

    @property
    def _workers(self) -> CeleryWorkers:
        return CeleryWorkers(Source(self._celery))
