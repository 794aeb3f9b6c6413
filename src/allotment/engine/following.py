"""What a worker or a program follows that is not led by a file alone."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery import Celery

from allotment.backends.addresses import Addresses
from allotment.backends.alone import fleet_of_tasks, stand_in
from allotment.engine.app import known_tasks
from allotment.engine.installation import Installation
from allotment.engine.modules import take_inventory
from allotment.engine.router import Compiled
from allotment.errors import TaskUnknown
from allotment.model.names import nearest
from allotment.model.node import ZONE_VARIABLE
from allotment.model.task import KnownTask
from allotment.source.fleet_file import FleetFile


class Following(Installation):
    """The installation of a file that may be led by the environment's addresses.

    An app that keeps results somewhere itself goes on to, where the broker alone is named by the environment.
    """

    def __init__(
        self, file: FleetFile, app: Celery, known: tuple[KnownTask, ...] | None = None, zone: str | None = None
    ) -> None:
        super().__init__(file, app, known, zone or os.environ.get(ZONE_VARIABLE) or None)
        self._keeps_results = False

    def apply_settings(self, **options: Any) -> None:
        """Put into the app's settings what is decided here; the rest stays the app's."""
        said = self.file.document
        self._keeps_results = bool(self.app.conf.result_backend) and not (
            said.has(("broker",)) or said.has(("results",))
        )
        super().apply_settings(**options)

    @property
    def addresses(self) -> dict[str, str | None]:
        """The addresses it sets; None: the app's own holds."""
        found = super().addresses
        if self._keeps_results and self.file.model.results is None:
            found["result_backend"] = None
        return found


class OwnPlan(Following):
    """The installation of an app without a file: the fleet is made of the tasks the app has, anew when one turns up.

    A task that is sent by a name which is not known yet has the modules imported that the app lists, once. One of a
    module that cannot be imported here is known by its source.
    """

    def __init__(self, app: Celery, folder: Path, environment: Mapping[str, str]) -> None:
        said = Addresses.of(environment)
        super().__init__(stand_in(fleet_of_tasks((), broker=said.broker, results=said.results), folder), app)
        self._listed: tuple[KnownTask, ...] | None = None

    @property
    def follows(self) -> str:
        """No file."""
        return ""

    def compiled_for(self, task: str) -> Compiled:
        """Give the plan that knows a task. Raises TaskUnknown for one that the app has nowhere."""
        try:
            return super().compiled_for(task)
        except TaskUnknown as error:
            if task in self._compile_with_listed().plan.tasks:
                return self.compiled
            near = nearest(task, self.plan.tasks)
            meant = f"did you mean {near!r}? Else " if near else ""
            hint = f"{meant}list the task's module in the app's `include`, or import it before the task is sent"
            raise TaskUnknown(f"the app has no task {task!r}", task=task, queue=error.queue, hint=hint) from None

    def _compile_with_listed(self) -> Compiled:
        with self._compiling:
            if self._listed is not None:
                return self.compiled
            self._listed = ()  # a listed module may send while it is imported
            self._listed = take_inventory(self.app).tasks
            return self._compile()

    def _compile(self) -> Compiled:
        with self._compiling:
            known = {task.name: task for task in (*(self._listed or ()), *known_tasks(self.app))}
            model = self.file.model
            made = fleet_of_tasks(known.values(), broker=model.broker, results=model.results)
            self.file = replace(self.file, model=made)
            return super()._compile()
