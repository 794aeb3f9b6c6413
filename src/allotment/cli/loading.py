"""A fleet file to a plan, as commands need it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from allotment.cli.output import note
from allotment.model.names import app_reference
from allotment.model.patterns import is_pattern
from allotment.model.task import BUILT_IN_PREFIX, KnownTask
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import FleetFile, read_fleet_file

if TYPE_CHECKING:
    from allotment.model.inventory import Inventory


@dataclass(frozen=True)
class LoadedFleet:
    """A fleet file with the plan for its tasks; `inventory` None where the file names no app."""

    file: FleetFile
    plan: Plan
    inventory: "Inventory | None"

    def has(self, task: str) -> bool:
        """Say whether there is such a task: one of the app's, or, where there is no app, one that the file names."""
        if task in self.plan.tasks or task.startswith(BUILT_IN_PREFIX):
            return True
        return self.inventory is None and self.plan.names(task)


def load(path: Path, app: str | None = None) -> LoadedFleet:
    """Read the file, find its app's tasks and make the plan; say which modules could only be read.

    `app` stands in for the app that the file names. Raises FileInvalid and AppUnusable.
    """
    file = read_fleet_file(path)
    if app is not None:
        file = replace(file, model=replace(file.model, app=_reference(app)))
    inventory = _inventory(file)
    if inventory is None:
        known = listed_tasks(file)
    else:
        known = inventory.tasks
        for module, error in inventory.failed.items():
            note(f"note: {module} cannot be imported here ({error}); its tasks were read from its source")
    return LoadedFleet(file, compile_plan(file.model, known, inventory.beat if inventory else ()), inventory)


def listed_tasks(file: FleetFile) -> tuple[KnownTask, ...]:
    """Give the tasks that the file itself names."""
    return tuple(KnownTask(entry.key) for entry in file.model.entries if not is_pattern(entry.key))


def _reference(app: str) -> str:
    import click  # its kinds of errors are the command line's business

    try:
        return app_reference(app)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--app") from None


def _inventory(file: FleetFile) -> "Inventory | None":
    if file.model.app is None:
        return None
    # it starts a process, which takes modules that others need not
    from allotment.local.inventory import read_inventory

    return read_inventory(file.model.app, file.path.parent)
