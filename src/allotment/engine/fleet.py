"""The fleet as a program uses it: load the file, install it on an app."""

from collections.abc import Mapping
from pathlib import Path

from celery import Celery

from allotment.engine.app import beat_entries, known_tasks
from allotment.engine.installation import install
from allotment.model.fleet import FleetModel
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.proof import Proof, prove
from allotment.source.fleet_file import USUAL_NAME, FleetFile, read_fleet_file


class Fleet:
    """A fleet file, read and checked."""

    def __init__(self, file: FleetFile) -> None:
        self._file = file

    @classmethod
    def load(cls, path: str | Path = USUAL_NAME, *, environment: Mapping[str, str] | None = None) -> "Fleet":
        """Read a fleet file; `environment` stands in for the process's own. Raises FileInvalid."""
        return cls(read_fleet_file(Path(path), environment))

    @property
    def path(self) -> Path:
        """The file's path."""
        return self._file.path

    @property
    def model(self) -> FleetModel:
        """Tasks, queues, profiles and nodes as the file describes them."""
        return self._file.model

    def install(self, app: Celery) -> Celery:
        """Make a Celery app follow the fleet, and give it back.

        From then on every message of the app goes where the plan says: default routes, `queue=` in calls and in
        signatures, chains, groups, chords and beat. Nothing is imported and nothing connected to until it is needed.
        """
        install(self._file, app)
        return app

    def plan(self, app: Celery) -> Plan:
        """Give the plan for the tasks registered with an app by now."""
        return compile_plan(self._file.model, known_tasks(app), beat_entries(app))

    def prove(self, app: Celery) -> Proof:
        """Lead the proof for the tasks registered with an app by now."""
        return prove(self.plan(app))
