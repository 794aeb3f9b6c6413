"""Workers of a Celery app as a task backend plans and runs them. Importing this module imports no Celery."""

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from allotment.backends.addresses import Addresses, led_by_app, with_addresses
from allotment.backends.alone import fleet_of_tasks, stand_in
from allotment.backends.naming import heartbeat_name
from allotment.backends.planning import PlannedWorker, planned_worker
from allotment.backends.request import Source, WorkerRequest
from allotment.backends.task import RegisteredTask
from allotment.backends.worker_plan import WorkerPlan
from allotment.engine.backend_notes import notes_on_app, notes_on_profiles, taken_without_code
from allotment.engine.pool import prepare_pool
from allotment.engine.programs import NamedApp, Program, program_of
from allotment.errors import SelectionInvalid, UnknownName
from allotment.model.inventory import Inventory
from allotment.model.node import ZONE_VARIABLE, Node
from allotment.plan.commands import celery_arguments
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import FleetFile, read_fleet_file


@dataclass(frozen=True)
class Followed:
    """The fleet that a worker is a part of: its file, or what stands for one, and the tasks there are.

    `alone`: the plan is made of the tasks and of no file.
    """

    file: FleetFile
    inventory: Inventory
    label: str
    alone: bool

    @cached_property
    def plan(self) -> Plan:
        """The plan, which everything that sends follows too."""
        return compile_plan(self.file.model, self.inventory.tasks, self.inventory.beat)

    def task(self, name: str) -> RegisteredTask:
        """Give a task for inspection."""
        return RegisteredTask(name, self.plan.tasks[name].queue, self.plan.known[name].module)


class CeleryWorkers:
    """The tasks of a Celery app, and workers that run some of them."""

    name: ClassVar[str] = "celery"

    def __init__(self, source: Source) -> None:
        self._source = source

    @classmethod
    def load(cls, source: Source) -> "CeleryWorkers":
        """Give the workers of the app that the source names, itself or in its file.

        Raises FileInvalid, AppUnusable, and UnknownName where nothing names an app.
        """
        found = cls(source)
        _ = found.program
        return found

    @cached_property
    def _file(self) -> FleetFile | None:
        path = self._source.file or self._source.usual_file
        return None if path is None else read_fleet_file(path, self._source.environment, named_by=self._source.named_by)

    @cached_property
    def program(self) -> Program:
        """The app. Raises FileInvalid, AppUnusable, and UnknownName where nothing names one."""
        file = self._file
        if self._source.app is not None:
            return program_of(self._source.app, self._source.folder)
        if file is None:
            raise UnknownName(
                "nothing says where the tasks come from: no app is named, and there is no fleet file here",
                hint="--app module:attribute (or TASK_APP) names an app or a backend, --fleet FILE a fleet file",
            )
        if file.model.app is None:
            hint = "add app: module:attribute to the file, or name the app with --app (or TASK_APP)"
            raise UnknownName(f"{file.path.name} names no app", hint=hint)
        return program_of(file.model.app, file.path.parent)

    @cached_property
    def followed(self) -> Followed:
        """The fleet that the workers are a part of.

        Raises AppUnusable, SelectionInvalid, SettingsOverridden and VariableInvalid.
        """
        reference, environment = self.program.reference, self._source.environment
        said = Addresses.of(environment)  # a fault in them is better told before a module of the app meets it
        inventory = self.program.inventory()
        file = self._file_followed(inventory)
        if file is None:
            model = fleet_of_tasks(inventory.tasks, app=reference, broker=said.broker, results=said.results)
            return Followed(stand_in(model, self._source.folder), inventory, f"the tasks of {reference}", alone=True)
        if inventory.follows is None:
            file = led_by_app(file)
        file = with_addresses(replace(file, model=replace(file.model, app=reference)), environment)
        return Followed(file, inventory, file.path.name, alone=False)

    def _file_followed(self, inventory: Inventory) -> FleetFile | None:
        """Give the file whose plan holds: what the app's own module follows goes before a file that is just there."""
        follows, file = inventory.follows, self._file
        if follows is None:
            return file
        named = self._source.file is not None or self._source.app is None
        if named and file is not None and str(file.path) != follows:
            others = follows or "a plan of its tasks alone"
            raise SelectionInvalid(
                f"this worker would follow {file.path.name}, and programs that import {self.program.reference} follow"
                f" {others}",
                hint=f'let all follow one file: CeleryBackend(app, fleet="{file.path.name}") in the app\'s module',
            )
        return read_fleet_file(Path(follows), self._source.environment) if follows else None

    @property
    def tasks(self) -> Mapping[str, RegisteredTask]:
        """Every task of the app by its name. Raises AppUnusable."""
        followed = self.followed
        return MappingProxyType({name: followed.task(name) for name in sorted(followed.plan.tasks)})

    def plan(self, request: WorkerRequest) -> WorkerPlan:
        """Say what a worker would be. Raises AppUnusable, UnknownName, SelectionInvalid and ProofFailed."""
        followed = self.followed
        if request.profile is not None and followed.alone:
            raise UnknownName(
                f"there is no profile {request.profile!r}: the plan is made of {followed.label}, without a file",
                hint="--profiles-file FILE or --fleet FILE names a file with profiles",
            )
        here = Node(os.uname().nodename, zone=self._source.environment.get(ZONE_VARIABLE) or None)
        found = planned_worker(followed.plan, request, here)
        worker, model = found.worker, followed.file.model
        return WorkerPlan(
            backend=self.name,
            source=followed.label + (f", profile {request.profile}" if request.profile else ""),
            name=worker.name,
            registers=tuple(map(followed.task, found.tasks)),
            others=tuple(followed.task(name) for name in sorted(set(followed.plan.tasks).difference(found.tasks))),
            consumes=worker.consumes,
            profile=found.profile,
            node=found.node,
            concurrency=worker.concurrency,
            broker=model.broker.shown if model.broker else followed.inventory.broker or "the app's own",
            results=model.results.shown if model.results else None,
            log_level=request.log_level,
            command=self._plain_command(found),
            notes=tuple(self._notes(request, worker.consumes)),
            of_profile=request.profile,
            heartbeat=self._heartbeat(request),
        )

    def _heartbeat(self, request: WorkerRequest) -> str:
        source = self._source
        named = source.app if isinstance(source.app, str) else None if source.app is None else self.program.reference
        return heartbeat_name(
            request.selection, app=named or "", file=source.named_file, folder=source.folder, name=request.name
        )

    def _notes(self, request: WorkerRequest, consumes: tuple[str, ...]) -> Iterator[str]:
        followed = self.followed
        inventory = followed.inventory
        yield from notes_on_app(inventory)
        if not followed.alone:
            yield from notes_on_profiles(followed.plan, inventory, request.profile)
        elif inventory.follows is None:
            yield (
                f"programs that import {self.program.reference} do not follow this plan and send where Celery does by"
                " itself; CeleryBackend(app), at the end of the app's module, makes them follow it"
            )
        if inventory.celery_app is None and isinstance(self.program, NamedApp):
            module = self.program.reference.partition(":")[0]
            yield f"plain Celery would find no app in {module}: `app = backend.celery` there would give it one"
        if request.profile is None:
            for name, placeholder in taken_without_code(inventory, consumes):
                yield f"it does not start: calls of {name!r} arrive in {placeholder.queue!r}, and {placeholder.message}"

    def _plain_command(self, found: PlannedWorker) -> str | None:
        """Give the command without Allotment; None where `celery` would not find the app."""
        program, inventory, plan = self.program, self.followed.inventory, self.followed.plan
        app = inventory.celery_app if isinstance(program, NamedApp) else program.reference
        if app is None:
            return None
        model = replace(plan.model, app=app, profiles={**plan.model.profiles, found.profile.name: found.profile})
        return shlex.join(["celery", *celery_arguments(replace(plan, model=model), found.worker)])

    def run(self, plan: WorkerPlan) -> int:
        """Be that worker until told to stop; give Celery's exit code.

        Raises RequirementsUnmet, AppUnusable, SettingsOverridden, QueueDiffers or BrokerUnreachable before anything is
        taken.
        """
        prepare_pool(plan.profile)
        from allotment.engine.backend_running import run  # noqa: PLC0415 - imports Celery

        return run(plan, self.program, self.followed.file, self.followed.inventory)
