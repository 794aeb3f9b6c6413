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
from allotment.engine.installation import ZONE_VARIABLE, Installation
from allotment.engine.router import Compiled
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
    """The installation of an app without a file: the fleet is made of the tasks the app has, anew when one turns up."""

    def __init__(self, app: Celery, folder: Path, environment: Mapping[str, str]) -> None:
        said = Addresses.of(environment)
        super().__init__(stand_in(fleet_of_tasks((), broker=said.broker, results=said.results), folder), app)

    @property
    def follows(self) -> str:
        """No file."""
        return ""

    def _compile(self) -> Compiled:
        with self._compiling:
            model = self.file.model
            made = fleet_of_tasks(known_tasks(self.app), broker=model.broker, results=model.results)
            self.file = replace(self.file, model=made)
            return super()._compile()
