"""A planned worker of a task backend, run."""

from dataclasses import replace
from typing import Any

from celery import Celery
from celery.signals import worker_shutting_down

from allotment.backends.worker_plan import WorkerPlan
from allotment.engine.app import make_importable
from allotment.engine.contracts.refusing import check_profile
from allotment.engine.following import Following
from allotment.engine.installation import bind
from allotment.engine.programs import Program
from allotment.engine.requirements import check_requirements
from allotment.engine.worker import register_only, take_tasks
from allotment.errors import ExitCode
from allotment.model.inventory import Inventory
from allotment.plan.placement import Worker
from allotment.source.fleet_file import FleetFile


def run(plan: WorkerPlan, program: Program, file: FleetFile, inventory: Inventory) -> int:
    """Register what the plan says, consume its lanes until told to stop, and give the exit code: 0 if it drained.

    Raises RequirementsUnmet, ContractUnimplemented, AppUnusable, SettingsOverridden, QueueDiffers or BrokerUnreachable
    before anything is consumed.
    """
    make_importable(file.path.parent)
    check_profile(plan.profile, inventory.placeholders)
    check_requirements(plan.profile, plan.node)
    app = program.app()
    bind(Following(_led_as_programs(file, app), app, inventory.tasks, plan.node.zone))
    register_only(app, inventory, frozenset(task.name for task in plan.registers))
    worker = Worker(plan.profile.name, plan.node.name, 1, plan.consumes, plan.concurrency, plan.name)
    ways: list[str] = []

    def note_way(how: str, **_: Any) -> None:
        ways.append(how)

    worker_shutting_down.connect(note_way)
    code = take_tasks(app, worker, plan.profile, loglevel=plan.log_level)
    # Celery gives 1 after one Ctrl-C, however well the worker has stopped (`celery/apps/worker.py`, EX_FAILURE)
    return ExitCode.OK if ways == ["Warm"] else code


def _led_as_programs(file: FleetFile, app: Celery) -> FleetFile:
    """Give the file with the addresses that the app's own module sets, by which programs that import it are led."""
    of_module = getattr(app, "allotment", None)
    if of_module is None:
        return file
    model = of_module.file.model
    return replace(file, model=replace(file.model, broker=model.broker, results=model.results))
