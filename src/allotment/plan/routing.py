"""Where a task goes unless a call names a queue: the steps in their order, and which of them decided."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from allotment.errors import HintUnknown
from allotment.model.fleet import FleetModel
from allotment.model.kind import Kind, ResourceRouting, kinds_told, words_of
from allotment.model.names import did_you_mean
from allotment.model.patterns import PatternIndex
from allotment.model.requirements import NO_REQUIREMENTS, Requirements
from allotment.model.task import KnownTask, TaskEntry, ZoneRule
from allotment.plan.capability import Capability, ProfileSet


class Step(StrEnum):
    """What may decide a task's queue; the first that says anything does."""

    ENTRY = "entry"
    APP = "app"
    HINT = "hint"
    WORDS = "words"
    DEFAULT = "default"
    ONLY = "only"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task, where it goes unless a call says otherwise, what decided that, and who can run it."""

    name: str
    queue: str | None
    step: Step
    decided_by: str
    entry: TaskEntry | None
    able: ProfileSet

    @property
    def requires(self) -> Requirements:
        """What the task asks of a worker's profile."""
        return self.entry.requires if self.entry else NO_REQUIREMENTS

    @property
    def stays_in_zone(self) -> bool:
        """Whether it must run in the zone it was sent from."""
        return self.entry is not None and self.entry.zone is ZoneRule.SAME


def planned_task(
    task: KnownTask, model: FleetModel, entries: PatternIndex[TaskEntry], capability: Capability
) -> PlannedTask:
    """Decide where a task goes, without a hint in the call."""
    entry = entries.first(task.name)
    able = capability.able(task.name, entry.requires if entry else NO_REQUIREMENTS)
    step, queue, decided_by = next(_answers(task, entry, model))
    return PlannedTask(task.name, queue, step, decided_by, entry, able)


def hinted(task: PlannedTask, hint: str, model: FleetModel) -> PlannedTask:
    """Give the task as a call with this hint sends it: own entries and the app's routes come before the hint.

    Raises HintUnknown for a hint that is no kind of work, or where the fleet does not route by resource.
    """
    routing = model.routing
    kinds = [str(kind) for kind in Kind]
    if hint not in kinds:
        near = did_you_mean(hint, kinds)
        raise HintUnknown(
            f"{task.name!r} was sent as work of the kind {hint!r}, which there is not", task=task.name, hint=near
        )
    if routing is None:
        raise HintUnknown(
            f"{task.name!r} was sent as work of the kind {hint!r}, and the fleet does not route by resource",
            task=task.name,
            hint="add route_by_resource: to the fleet file, or leave the hint out",
        )
    if task.step in {Step.ENTRY, Step.APP}:
        return task
    kind = Kind(hint)
    queue = routing.queues.get(kind)
    if queue is not None:
        return replace(task, queue=queue, step=Step.HINT, decided_by=f"the hint resource_type={kind} in the call")
    step, queue, decided_by = next(_general(model))
    return replace(task, queue=queue, step=step, decided_by=f"{decided_by} (route_by_resource has no queue for {kind})")


def steps_of(task: PlannedTask, known: KnownTask, model: FleetModel, hint: str | None) -> Iterator[tuple[Step, str]]:
    """Give what each step says of a task, in their order, up to the one that decides."""
    deciding = (hinted(task, hint, model) if hint is not None else task).step
    for step, says in _steps(task, known, model, hint):
        yield step, says
        if step is deciding:
            return


def _steps(task: PlannedTask, known: KnownTask, model: FleetModel, hint: str | None) -> Iterator[tuple[Step, str]]:
    entry = task.entry
    if entry is None:
        yield Step.ENTRY, "none under `tasks:` names it"
    else:
        yield Step.ENTRY, f"tasks.{entry.key}: {entry.queue or 'says no queue'}"
    yield Step.APP, known.app_queue or "its task_routes say nothing of it"
    routing = model.routing
    if routing is None:
        yield Step.HINT, "the fleet does not route by resource"
    else:
        yield Step.HINT, f"resource_type={hint}: {_queue_for(Kind(hint), routing)}" if hint else "none given"
        if hint is None:
            yield Step.WORDS, _told(task.name, routing)
    for step, queue, _ in _general(model):
        yield step, queue or "nothing says which queue"


def _queue_for(kind: Kind, routing: ResourceRouting) -> str:
    return routing.queues.get(kind, f"route_by_resource has no queue for {kind}")


def _told(task: str, routing: ResourceRouting) -> str:
    kinds = kinds_told(task, routing.words)
    if not kinds:
        return f"{', '.join(words_of(task))}: no kind is told"
    told = ", ".join(f"{word!r} tells {kind} ({_queue_for(kind, routing)})" for kind, word in kinds.items())
    return told + ("; two kinds decide nothing" if len(kinds) > 1 else "")


_Answer = tuple[Step, str | None, str]


def _answers(task: KnownTask, entry: TaskEntry | None, model: FleetModel) -> Iterator[_Answer]:
    if entry and entry.queue:
        yield Step.ENTRY, entry.queue, f"tasks.{entry.key}"
    if task.app_queue in model.queues:
        yield Step.APP, task.app_queue, "the app's task_routes"
    told = ""
    if model.routing is not None:
        kinds = kinds_told(task.name, model.routing.words)
        told = ", ".join(f"{word!r} tells {kind}" for kind, word in kinds.items())
        kind, *others = kinds or (None,)
        queue = model.routing.queues.get(kind) if kind else None
        if queue is not None and not others:
            yield Step.WORDS, queue, f"its name: {told}"
    for step, queue, decided_by in _general(model):
        yield step, queue, decided_by + (f" (its name: {told})" if told else "")


def _general(model: FleetModel) -> Iterator[_Answer]:
    if model.default_queue:
        yield Step.DEFAULT, model.default_queue, "default_queue"
    if len(model.queues) == 1:
        yield Step.ONLY, next(iter(model.queues)), "the only queue"
    yield Step.NOTHING, None, "nothing"
