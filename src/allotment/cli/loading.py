"""A fleet file to a plan, as commands need it."""

from dataclasses import dataclass
from pathlib import Path

from allotment.cli.output import note
from allotment.errors import FileProblem
from allotment.local.inventory import read_inventory
from allotment.model.inventory import Inventory
from allotment.model.names import did_you_mean
from allotment.model.patterns import is_pattern
from allotment.model.task import KnownTask
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import FleetFile, read_fleet_file


@dataclass(frozen=True)
class LoadedFleet:
    """A fleet file with the plan for its tasks; `inventory` None where the file names no app."""

    file: FleetFile
    plan: Plan
    inventory: Inventory | None

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
    inventory = read_inventory(file.model.app, file.path.parent) if file.model.app else None
    if inventory is None:
        known = tuple(KnownTask(entry.key) for entry in file.model.entries if not is_pattern(entry.key))
    else:
        known = inventory.tasks
        for module, error in inventory.failed.items():
            note(f"note: {module} cannot be imported here ({error}); its tasks were read from its source")
    return LoadedFleet(file, compile_plan(file.model, known), inventory)
