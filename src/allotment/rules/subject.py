"""What rules look at: the file, the plan and its proof, and what the app itself says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from allotment.errors import Where
from allotment.model.fleet import FleetModel
from allotment.model.inventory import Placeholder
from allotment.model.kind import Kind, kinds_told
from allotment.model.profile import Pool, Profile
from allotment.model.queue import Queue
from allotment.model.settings import AppSettings
from allotment.model.task import Delivery
from allotment.plan.capability import ProfileSet
from allotment.plan.delivery import delivery_of, is_quorum
from allotment.plan.plan import Plan
from allotment.plan.proof import Proof
from allotment.plan.routing import PlannedTask
from allotment.rules.figures import more_than_none, number_of
from allotment.rules.limits import Limits, Run, SaidBy, by_queue, stand_ins
from allotment.source.document import Document, Path


@dataclass(frozen=True, slots=True)
class Ignore:
    """A comment that ignores rules: where it stands, which line it is for, the rules it names, and its reason."""

    file: str
    line: int
    column: int
    end_column: int
    target: int
    rules: tuple[str, ...]
    reason: str

    @property
    def where(self) -> Where:
        """Where the comment itself stands."""
        return Where(self.file, self.line, self.column, self.line, self.end_column)


@dataclass(frozen=True, slots=True)
class Setting:
    """A Celery setting's value, and its place in the fleet file; None: the app sets it."""

    value: Any
    path: Path | None


@dataclass(frozen=True)
class Subject:
    """A fleet as rules see it.

    `app` is what the live app says, None where no app was asked; `chords_in` are its modules that use chords,
    `placeholders` the contracts it has no code for. `setting_names` are the names Celery knows, None where Celery was
    not asked. `ignores` are the file's comments that ignore rules, `rule_names` all rules there are. For rules that
    judge what others found, `ran` are those that were run, `found_at` the file, line and rule of what they found.
    """

    document: Document
    plan: Plan
    proof: Proof
    app: AppSettings | None = None
    chords_in: tuple[str, ...] = ()
    placeholders: Mapping[str, Placeholder] = field(default_factory=dict)
    setting_names: frozenset[str] | None = None
    ignores: tuple[Ignore, ...] = ()
    rule_names: frozenset[str] = frozenset()
    ran: frozenset[str] = frozenset()
    found_at: frozenset[tuple[str, int, str]] = frozenset()

    @property
    def model(self) -> FleetModel:
        """The fleet as its file describes it."""
        return self.plan.model

    # Places

    def written(self, *path: str | int) -> bool:
        """Say whether something is written in the file at this path."""
        return self.document.has(path)

    def of_profile(self, profile: str, key: str) -> Path:
        """Give the place that decides a profile's key: the key, else the preset it comes from, else the profile."""
        for last in (key, "preset"):
            if self.written("profiles", profile, last):
                return ("profiles", profile, last)
        return ("profiles", profile)

    def of_queue(self, queue: str) -> Path:
        """Give the place that tells of a queue: its entry under `queues:`, else where it is named first."""
        if self.written("queues", queue):
            return ("queues", queue)
        for profile in self.model.profiles.values():
            if queue in profile.queues:
                return self.of_consumer(profile, queue)
        for entry in self.model.entries:
            if entry.queue == queue:
                return ("tasks", entry.key, "queue")
        return ("default_queue",) if self.model.default_queue == queue else ("route_by_resource",)

    def of_consumer(self, profile: Profile, queue: str) -> Path:
        """Give the place where a profile names a queue it consumes; where its preset does, that one's."""
        path = self.of_profile(profile.name, "queues")
        return (*path, profile.queues.index(queue)) if path[2:] == ("queues",) else path

    def of_task(self, task: PlannedTask) -> Path:
        """Give the place that tells of a task: its entry, else the section, else the app."""
        return ("tasks", task.entry.key) if task.entry else ("tasks",) if self.written("tasks") else ("app",)

    # Who runs what

    @cached_property
    def placed(self) -> tuple[Profile, ...]:
        """The profiles that some node runs."""
        names = {worker.profile for worker in self.plan.workers}
        return tuple(profile for profile in self.model.profiles.values() if profile.name in names)

    @cached_property
    def tasks_by_queue(self) -> Mapping[str, tuple[PlannedTask, ...]]:
        """The known tasks by the queue each is sent to by itself."""
        return by_queue(self.plan.tasks.values())

    def consumers_of(self, queue: str) -> tuple[Profile, ...]:
        """List the placed profiles that consume a queue."""
        return tuple(profile for profile in self.placed if queue in profile.queues)

    # Kinds of work

    def kind_of_queue(self, queue: str) -> Kind | None:
        """Give the kind of work a queue's name tells: cpu, io or memory itself, else by its words; None: not one."""
        return _named_kind(queue) or _only(kinds_told(queue))

    def kind_of_profile(self, profile: Profile) -> Kind | None:
        """Give the kind of work a profile is for: by its preset, its name, or its queues where they agree."""
        if profile.preset in set(Kind):
            return Kind(profile.preset)
        return _named_kind(profile.name) or _only({self.kind_of_queue(queue): queue for queue in profile.queues})

    def kinds_of_task(self, task: str) -> dict[Kind, str]:
        """Give the kinds that the words of a task's name tell, each with its word."""
        return kinds_told(task, self.model.routing.words if self.model.routing else None)

    def tasks_of_kinds(self, profile: Profile, kinds: frozenset[Kind]) -> tuple[PlannedTask, ...]:
        """List a profile's known tasks whose names tell such work and no other; none where they are not the most."""
        runs = self.runs_by_profile.get(profile.name, ())
        tasks = [task for run in runs for task in run.tasks if task.name in self.plan.tasks]
        told = tuple(task for task in tasks if kinds.issuperset(self.kinds_of_task(task.name) or Kind))
        return told if 2 * len(told) > len(tasks) else ()

    # Limits

    def limits(self, task: PlannedTask, profile: Profile) -> Limits:
        """Give the limits of a task on a worker of a profile.

        A task's own beat the worker's (`celery/worker/request.py`, `execute_using_pool`): those of its entry, else
        those its app gives it.
        """
        hard, hard_path, hard_by = self._limit(task, profile, "time_limit")
        soft, soft_path, soft_by = self._limit(task, profile, "soft_time_limit")
        return Limits(hard, soft, hard_path, soft_path, hard_by, soft_by)

    def _limit(self, task: PlannedTask, profile: Profile, key: str) -> tuple[float | None, Path, SaidBy | None]:
        said = {
            SaidBy.ENTRY: getattr(task.entry, key) if task.entry else None,
            SaidBy.APP: self.own(task).get(key),
            SaidBy.PROFILE: getattr(profile, key),
            SaidBy.SETTINGS: self.value(f"task_{key}"),
        }
        for by, value in said.items():
            seconds = more_than_none(value)
            if seconds is not None:
                of_entry = by is SaidBy.ENTRY
                return seconds, (*self.of_task(task), key) if of_entry else self.of_profile(profile.name, key), by
        return None, self.of_profile(profile.name, key), None

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Who runs what within which limits. Tasks alike are together, so that each such case is asked once."""
        return tuple(self._runs(self.tasks_by_queue))

    @cached_property
    def runs_and_patterns(self) -> tuple[Run, ...]:
        """The runs, and those of patterns that stand for tasks which nobody names."""
        others = by_queue(stand_ins(self.plan)) if self.app is None else {}
        return (*self.runs, *self._runs(others))

    @cached_property
    def runs_by_profile(self) -> Mapping[str, tuple[Run, ...]]:
        """The runs by the profile whose workers run them, with those of patterns that stand for tasks."""
        found: dict[str, list[Run]] = {}
        for run in self.runs_and_patterns:
            found.setdefault(run.profile.name, []).append(run)
        return {profile: tuple(runs) for profile, runs in found.items()}

    def _runs(self, tasks_by_queue: Mapping[str, tuple[PlannedTask, ...]]) -> Iterator[Run]:
        for queue, tasks in tasks_by_queue.items():
            consumers = self.consumers_of(queue)
            for alike in self._cases(tasks):
                for profile in consumers:
                    if self.plan.capability.bit(profile.name) & alike[0].able:
                        yield Run(queue, alike, profile, self.limits(alike[0], profile))

    def _cases(self, tasks: tuple[PlannedTask, ...]) -> Iterator[tuple[PlannedTask, ...]]:
        """Put together the tasks that the same profiles can run, with the same entry, and the same said by the app."""
        found: dict[object, list[PlannedTask]] = {}
        for task in tasks:
            own = self.own(task)
            said = (*(number_of(own.get(key)) for key in ("time_limit", "soft_time_limit")), bool(own.get("acks_late")))
            found.setdefault((task.able, task.entry.key if task.entry else None, said), []).append(task)
        return map(tuple, found.values())

    # Settings

    def setting(self, name: str) -> Setting | None:
        """Give a Celery setting as the file has it, else as the app has it; None: neither sets it."""
        if name in self.model.settings:
            return Setting(self.model.settings[name], ("settings", name))
        if self.app is not None and name in self.app.values:
            return Setting(self.app.values[name], None)
        return None

    def value(self, name: str) -> Any:
        """Give a Celery setting's value; None where neither the file nor the app sets it."""
        found = self.setting(name)
        return found.value if found else None

    def number(self, name: str) -> float | None:
        """Give a Celery setting's value as a number; None where nobody sets it to one."""
        return number_of(self.value(name))

    def own(self, task: PlannedTask) -> Mapping[str, Any]:
        """Give the attributes that the app sets on a task itself; none for a pattern."""
        known = self.plan.known.get(task.name)
        return known.attributes if known else {}

    def attribute(self, task: PlannedTask, name: str) -> Any:
        """Give an attribute of a task: what the app sets on the task itself, else Celery's setting for all tasks."""
        own = self.own(task).get(name)
        return self.value(f"task_{name}") if own is None else own

    def is_late(self, task: PlannedTask, profile: Profile | None = None) -> bool:
        """Say whether the broker keeps a task's message until a worker of the profile, or of none, has done it."""
        declared = delivery_of(task.entry, profile)
        return declared is Delivery.AT_LEAST_ONCE if declared else bool(self.attribute(task, "acks_late"))

    @cached_property
    def acknowledged_late(self) -> tuple[PlannedTask, ...]:
        """The known tasks whose message stays until they are done, though nothing in the file says `delivery:`."""
        return tuple(task for task in self.plan.tasks.values() if self._undeclared(task) and self.is_late(task))

    def _undeclared(self, task: PlannedTask) -> ProfileSet:
        """Give the profiles that run a task and for which neither its entry nor they themselves say `delivery:`."""
        ways = self.plan.deliveries(task)
        return self.plan.capability.set_of(name for name, delivery in ways.items() if delivery is None)

    def repeated_when_killed(self, task: PlannedTask) -> bool:
        """Say whether a task acknowledged late is run again where the process that runs it is killed.

        Only a prefork pool outlives its processes, and then acknowledges for them unless it is told otherwise
        (`celery/worker/request.py`, `on_failure`); what dies with the whole worker is delivered again.
        """
        outlived = self._undeclared(task) & self._prefork
        return not outlived or any(self.attribute(task, f"{what}_on_worker_lost") for what in ("reject", "retry"))

    @cached_property
    def _prefork(self) -> ProfileSet:
        return self.plan.capability.set_of(profile.name for profile in self.placed if profile.pool is Pool.PREFORK)

    @property
    def quorum_queues(self) -> tuple[Queue, ...]:
        """The queues that the file makes quorum queues; none where the broker is of the Redis family.

        Queues that become so by themselves are left out: they are made as it is good for them.
        """
        queues = () if self.on_redis else self.model.queues.values()
        return tuple(queue for queue in queues if is_quorum(queue))

    @property
    def on_redis(self) -> bool:
        """Whether the broker is Redis, Valkey or embedded."""
        return self.model.broker is not None and self.model.broker.speaks_redis

    @property
    def on_rabbitmq(self) -> bool:
        """Whether the broker is RabbitMQ, as far as the file says."""
        return self.model.broker is not None and not self.model.broker.speaks_redis


def _named_kind(name: str) -> Kind | None:
    words = name.lower().replace("-", "_").replace(".", "_").split("_")
    return next((kind for kind in Kind if kind in words), None)


def _only(kinds: Mapping[Any, str]) -> Kind | None:
    """Give the kind where there is just one."""
    return next(iter(kinds)) if len(kinds) == 1 else None
