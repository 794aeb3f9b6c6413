"""A planned worker of a task backend, run."""

from dataclasses import replace
from typing import Any

from celery import Celery
from celery.signals import worker_shutting_down

from allotment.backends.worker_plan import WorkerPlan
from allotment.engine.app import make_importable
from allotment.engine.backend_notes import taken_without_code
from allotment.engine.contracts.refusing import check_profile
from allotment.engine.following import Following
from allotment.engine.installation import bind
from allotment.engine.programs import Program
from allotment.engine.requirements import check_requirements
from allotment.engine.worker import register_only, take_tasks
from allotment.errors import ContractUnimplemented, ExitCode
from allotment.local.heartbeat import usual_path
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
    _check_queues(plan, inventory)
    check_requirements(plan.profile, plan.node)
    app = program.app()
    bind(Following(_led_as_programs(file, app), app, inventory.tasks, plan.node.zone))
    register_only(app, inventory, frozenset(task.name for task in plan.registers), plan.profile)
    worker = Worker(plan.profile.name, plan.node.name, 1, plan.consumes, plan.concurrency, plan.name)
    ways: list[str] = []

    def note_way(how: str, **_: Any) -> None:
        ways.append(how)

    worker_shutting_down.connect(note_way)
    heartbeat = usual_path(plan.heartbeat or plan.name)
    code = take_tasks(app, worker, plan.profile, loglevel=plan.log_level, heartbeat=heartbeat)
    # Celery gives 1 after one Ctrl-C, however well the worker has stopped (`celery/apps/worker.py`, EX_FAILURE)
    return ExitCode.OK if ways == ["Warm"] else code


def _check_queues(plan: WorkerPlan, inventory: Inventory) -> None:
    """See that a worker of chosen tasks takes no calls of a contract without code. Raises ContractUnimplemented."""
    if plan.of_profile is not None:
        return
    for name, placeholder in taken_without_code(inventory, plan.consumes):
        raise ContractUnimplemented(
            f"the worker consumes the queue {placeholder.queue!r}, where calls of {name!r} arrive,"
            f" but {placeholder.message}",
            hint=f"{placeholder.hint}; or choose no task that is sent to {placeholder.queue!r}",
        )


def _led_as_programs(file: FleetFile, app: Celery) -> FleetFile:
    """Give the file with the addresses that the app's own module sets, by which programs that import it are led."""
    of_module = getattr(app, "allotment", None)
    if of_module is None:
        return file
    model = of_module.file.model
    return replace(file, model=replace(file.model, broker=model.broker, results=model.results))
