"""A fleet file to a plan, as commands need it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from allotment.cli.output import note
from allotment.errors import FileProblem
from allotment.model.names import did_you_mean
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

    def unknown_entries(self) -> tuple[FileProblem, ...]:
        """Give the entries under `tasks:` that name a task the app does not have."""
        if self.inventory is None:
            return ()
        return tuple(
            FileProblem(
                "unknown-task",
                f"the app has no task {entry.key!r}",
                where=self.file.document.where(("tasks", entry.key), key=True),
                hint=did_you_mean(entry.key, self.plan.tasks, otherwise="remove the entry"),
            )
            for entry in self.file.model.entries
            if not is_pattern(entry.key) and entry.key not in self.plan.tasks
        )


def load(path: Path) -> LoadedFleet:
    """Read the file, find its app's tasks and make the plan; say which modules could only be read.

    Raises FileInvalid and AppUnusable.
    """
    file = read_fleet_file(path)
    inventory = _inventory(file)
    if inventory is None:
        known = tuple(KnownTask(entry.key) for entry in file.model.entries if not is_pattern(entry.key))
    else:
        known = inventory.tasks
        for module, error in inventory.failed.items():
            note(f"note: {module} cannot be imported here ({error}); its tasks were read from its source")
    return LoadedFleet(file, compile_plan(file.model, known, inventory.beat if inventory else ()), inventory)


def _inventory(file: FleetFile) -> "Inventory | None":
    if file.model.app is None:
        return None
    # it starts a process, which takes modules that others need not
    from allotment.local.inventory import read_inventory

    return read_inventory(file.model.app, file.path.parent)
