"""The plan: everything that follows from a fleet and the tasks there are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from allotment.errors import NobodyCanRun, PublishRefused, QueueUnknown, ZoneUnknown
from allotment.model.fleet import FleetModel
from allotment.model.names import did_you_mean
from allotment.model.patterns import PatternIndex, sample
from allotment.model.queue import Queue
from allotment.model.task import BUILT_IN_PREFIX, BeatEntry, Delivery, KnownTask, TaskEntry, ZoneRule
from allotment.plan.capability import Capability, ProfileSet
from allotment.plan.delivery import delivery_of, is_quorum, limit_of, safe_queues, settled
from allotment.plan.lanes import Lane, QueueLanes, lanes_of_queue
from allotment.plan.placement import Worker, concurrency_on
from allotment.plan.routing import PlannedTask, hinted, planned_task

_ANY = "\0"
"""Stands for what a `*` or `?` matches: text that no name and no other pattern holds."""


@dataclass(frozen=True)
class Plan:
    """Tasks with their routes, queues with their lanes, workers with what they consume.

    `tasks` holds the tasks known when the plan was made; `look_up` answers for others from the file's patterns.
    """

    model: FleetModel
    capability: Capability = field(repr=False)
    entries: PatternIndex[TaskEntry] = field(repr=False)
    known: Mapping[str, KnownTask] = field(repr=False)
    tasks: Mapping[str, PlannedTask] = field(repr=False)
    queues: Mapping[str, QueueLanes]
    workers: tuple[Worker, ...]
    beat: tuple[BeatEntry, ...] = ()

    @cached_property
    def lanes(self) -> Mapping[str, Lane]:
        """Every lane by its name at the broker."""
        return {lane.name: lane for queue in self.queues.values() for lane in queue.lanes}

    @cached_property
    def safe(self) -> frozenset[str]:
        """The queues that are kept safe, as tasks there are to be delivered at least once."""
        return safe_queues(self.model)

    @cached_property
    def declared(self) -> Mapping[str, Queue]:
        """Every queue as it is declared: what the file says, and what follows where it says nothing."""
        return {name: settled(queue, safe=name in self.safe) for name, queue in self.model.queues.items()}

    @cached_property
    def any_quorum(self) -> bool:
        """Whether there is a quorum queue, as RabbitMQ knows it."""
        return any(is_quorum(queue) for queue in self.declared.values())

    def deliveries(self, task: PlannedTask, lane: Lane | None = None) -> Mapping[str, Delivery | None]:
        """Give how the workers of each profile that may take a task from a lane treat it; None: as the app says.

        Without a lane, from the one it is sent to by itself; nothing where no worker can run it there.
        """
        lane = lane or self.default_lane(task.name)
        return {
            name: delivery_of(task.entry, self.model.profiles[name])
            for name in (lane.profiles if lane else ())
            if self.capability.bit(name) & task.able
        }

    def delivery_limit(self, name: str) -> int | None:
        """Give how often a message of a queue, or of a lane, is delivered at most; None: there is no limit."""
        lane = self.lanes.get(name)
        queue = self.declared.get(lane.queue if lane else name)
        return limit_of(queue) if queue else None

    @cached_property
    def used(self) -> frozenset[str]:
        """The lanes that some known task may be sent to."""
        sets = {(task.able, task.stays_in_zone) for task in self.tasks.values()}
        return frozenset(
            lane.name
            for lanes in self.queues.values()
            for able, stays in sets
            if able & lanes.consumers
            for lane in (_widest(lanes, able), *(_lanes_in_zones(lanes, able) if stays else ()))
        )

    def serves(self, worker: Worker) -> tuple[str, ...]:
        """List the lanes of a worker that some known task may be sent to."""
        return tuple(lane for lane in worker.consumes if lane in self.used)

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Worker, ...]]:
        """The workers that take from each broker queue."""
        found: dict[str, list[Worker]] = {}
        for worker in self.workers:
            for name in worker.consumes:
                found.setdefault(name, []).append(worker)
        return {name: tuple(workers) for name, workers in found.items()}

    @cached_property
    def consuming(self) -> Mapping[str, ProfileSet]:
        """The profiles of the workers that take from each broker queue."""
        found: dict[str, ProfileSet] = {}
        for worker in self.workers:
            bit = self.capability.bit(worker.profile)
            for name in worker.consumes:
                found[name] = found.get(name, 0) | bit
        return found

    def look_up(self, task: str) -> PlannedTask:
        """Give the planned task, made from the file's entries where it was not known before."""
        return self.tasks.get(task) or planned_task(KnownTask(task), self.model, self.entries, self.capability)

    def names(self, task: str) -> bool:
        """Say whether the task is known, or named by an entry of the file or by a profile's own list."""
        return (
            task in self.tasks
            or task.startswith(BUILT_IN_PREFIX)
            or self.entries.first(task) is not None
            or any(profile.tasks is not None and profile.selects(task) for profile in self.model.profiles.values())
        )

    def lane(self, task: str, queue: str | None = None, *, zone: str | None = None, hint: str | None = None) -> Lane:
        """Give the lane a message goes to: to the task's own queue, or to the queue a call names.

        `zone` is where the message is sent from, which counts for tasks that stay there; `hint` the kind of work that
        the call says it is. Raises QueueUnknown for a queue the fleet does not have, NobodyCanRun where no worker there
        can run the task, HintUnknown and ZoneUnknown.
        """
        if task.startswith(BUILT_IN_PREFIX) and task not in self.tasks:
            return self._lane_for_built_in(task, queue)
        planned = self.look_up(task)
        if hint is not None:
            planned = hinted(planned, hint, self.model)
        name = queue or planned.queue
        if name is None:
            raise NobodyCanRun(
                f"task {task!r} has no queue",
                task=task,
                queue=None,
                hint="give it one under `tasks:`, or set `default_queue:`",
            )
        lanes = self._lanes_of(task, name)
        able = planned.able & lanes.consumers
        if not able:
            raise self._nobody(planned, name)
        if zone is not None and planned.stays_in_zone:
            return self._lane_in_zone(planned, lanes, zone)
        return _widest(lanes, planned.able)

    def _lane_in_zone(self, task: PlannedTask, lanes: QueueLanes, zone: str) -> Lane:
        if zone not in self.zones:
            near = did_you_mean(zone, self.zones, otherwise="no node of the fleet says its zone")
            raise ZoneUnknown(f"there is no zone {zone!r} in the fleet", task=task.name, queue=lanes.queue, hint=near)
        able = task.able & lanes.consumers
        lane = lanes.by_zone.get((able, zone))
        if lane is None and able & self.zones[zone]:
            lane = lanes.by_zone.get((lanes.consumers, zone))
        if lane is None:
            elsewhere = ", ".join(name for name, placed in self.zones.items() if able & placed) or "no zone"
            raise NobodyCanRun(
                f"no worker in the zone {zone!r} that consumes the queue {lanes.queue!r} can run {task.name!r},"
                " which stays in its zone",
                task=task.name,
                queue=lanes.queue,
                hint=f"it can be run in {elsewhere}",
            )
        return lane

    @cached_property
    def zones(self) -> Mapping[str, ProfileSet]:
        """The profiles that have a worker in each zone."""
        return zones_of(self.model, self.capability)

    def default_lane(self, task: str) -> Lane | None:
        """Give the lane of the task's own queue; None where a publish would be refused."""
        try:
            return self.lane(task)
        except PublishRefused:
            return None

    def _lanes_of(self, task: str, queue: str) -> QueueLanes:
        lanes = self.queues.get(queue)
        if lanes is None:
            raise QueueUnknown(
                f"there is no queue {queue!r} in the fleet, and {task!r} was to be sent there",
                task=task,
                queue=queue,
                hint=did_you_mean(queue, self.queues, otherwise="`allot plan` lists the queues"),
            )
        return lanes

    def _lane_for_built_in(self, task: str, queue: str | None) -> Lane:
        """Give a lane for a task of Celery's own, which every worker can run."""
        entry = self.entries.first(task)
        name = queue or (entry and entry.queue) or self.model.default_queue or self._first_consumed
        lanes = self._lanes_of(task, name)
        if not lanes.consumers:
            raise NobodyCanRun(f"no worker consumes the queue {name!r}", task=task, queue=name)
        return lanes.by_set[lanes.consumers]

    @property
    def _first_consumed(self) -> str:
        return next((name for name, lanes in self.queues.items() if lanes.by_set), next(iter(self.queues), ""))

    def _nobody(self, planned: PlannedTask, queue: str) -> NobodyCanRun:
        would_do = self.queues_for(planned.name)
        hint = f"it can be run from {', '.join(would_do)}" if would_do else "no worker of the fleet can run it"
        return NobodyCanRun(
            f"no worker that consumes the queue {queue!r} can run {planned.name!r}",
            task=planned.name,
            queue=queue,
            hint=hint,
        )

    def queues_for(self, task: str) -> tuple[str, ...]:
        """List the queues from which some worker can run the task."""
        able = self.look_up(task).able
        return tuple(name for name, lanes in self.consumed.items() if lanes.consumers & able)

    @cached_property
    def consumed(self) -> Mapping[str, QueueLanes]:
        """The queues of the file that some worker takes from."""
        return {name: lanes for name, lanes in self.queues.items() if lanes.consumers}

    def workers_of(self, node: str | None = None) -> tuple[Worker, ...]:
        """List the workers of one node, or all."""
        return tuple(worker for worker in self.workers if node is None or worker.node == node)

    def served(self, profile: str, zone: str | None) -> tuple[str, ...]:
        """List the lanes that a worker of a profile serves in a zone, whether the file places one there or not."""
        return _served(self.model, profile, zone, self.queues)

    def registered_by(self, profile: str) -> tuple[str, ...]:
        """List the known tasks that a worker of this profile registers, sorted."""
        bit = self.capability.bit(profile)
        return tuple(sorted(task.name for task in self.tasks.values() if task.able & bit))


def compile_plan(
    model: FleetModel, known: Iterable[KnownTask], beat: tuple[BeatEntry, ...] = (), *, complete: bool = True
) -> Plan:
    """Make the plan of a fleet for the tasks that exist; not `complete`: there may be others, as for a producer.

    The cost grows with tasks + queues + workers, not their product.
    """
    capability = Capability(model.profiles)
    entries = PatternIndex((entry.key, entry) for entry in model.entries)
    known_by_name = {task.name: task for task in known if not task.name.startswith(BUILT_IN_PREFIX)}
    tasks = {name: planned_task(task, model, entries, capability) for name, task in known_by_name.items()}
    planned = [*_implied(model, entries, capability), *(tasks.values() if complete else ())]
    queues = _queues(model, capability, planned)
    return Plan(model, capability, entries, known_by_name, tasks, queues, _workers(model, queues), beat)


def _implied(model: FleetModel, entries: PatternIndex[TaskEntry], capability: Capability) -> Iterator[PlannedTask]:
    """Give a task for each of the file's own names and patterns, so that the lanes they lead to are always there."""
    keys = dict.fromkeys(entry.key for entry in model.entries)
    for profile in model.profiles.values():
        keys |= dict.fromkeys((*(profile.tasks or ()), *profile.exclude_tasks))
    for name in (*(sample(key, _ANY) for key in keys), _ANY):
        yield planned_task(KnownTask(name), model, entries, capability)


def _queues(model: FleetModel, capability: Capability, planned: Iterable[PlannedTask]) -> dict[str, QueueLanes]:
    placed = {name for node in model.nodes.values() for name, count in node.workers.items() if count}
    consumers = dict.fromkeys(model.queues, 0)
    for name in placed:
        for queue in model.profiles[name].queues:
            consumers[queue] |= capability.bit(name)
    queues_of_profile = [(capability.bit(name), model.profiles[name].queues) for name in placed]
    able_here: dict[str, set[ProfileSet]] = {queue: set() for queue in model.queues}
    # a producer that knows fewer tasks sends to the lane of all consumers of a zone, whichever of the file's keys meet
    staying = any(entry.zone is ZoneRule.SAME for entry in model.entries)
    able_in_zone = {queue: {consumers[queue]} if staying else set() for queue in model.queues}
    for able, stays in {(task.able, task.stays_in_zone) for task in planned if task.able}:
        reached = {queue for bit, queues in queues_of_profile if able & bit for queue in queues}
        for queue in reached:
            able_here[queue].add(able & consumers[queue])
            if stays:
                able_in_zone[queue].add(able & consumers[queue])
    zones = zones_of(model, capability)
    return {
        queue: lanes_of_queue(
            queue, consumers[queue], able_here[queue], capability, zones=zones, able_in_zone=able_in_zone[queue]
        )
        for queue in model.queues
    }


def zones_of(model: FleetModel, capability: Capability) -> dict[str, ProfileSet]:
    """Give the profiles that have a worker in each zone."""
    found: dict[str, ProfileSet] = {}
    for node in model.nodes.values():
        if node.zone is not None:
            names = (name for name, count in node.workers.items() if count)
            found[node.zone] = found.get(node.zone, 0) | capability.set_of(names)
    return found


def _widest(lanes: QueueLanes, able: ProfileSet) -> Lane:
    """Give the lane of those who can run something.

    A set without a lane of its own has the lane that all consume: workers, who know all tasks, have one for it, and
    their guard sends it there.
    """
    return lanes.by_set.get(able & lanes.consumers) or lanes.by_set[lanes.consumers]


def _lanes_in_zones(lanes: QueueLanes, able: ProfileSet) -> Iterator[Lane]:
    for (profiles, _), lane in lanes.by_zone.items():
        if profiles == able & lanes.consumers:
            yield lane


def _workers(model: FleetModel, queues: Mapping[str, QueueLanes]) -> tuple[Worker, ...]:
    placed = {(name, node.zone) for node in model.nodes.values() for name in node.workers}
    served = {(name, zone): _served(model, name, zone, queues) for name, zone in placed}
    return tuple(
        Worker(name, node.name, index, served[name, node.zone], concurrency_on(model.profiles[name], node))
        for node in model.nodes.values()
        for name, count in node.workers.items()
        for index in range(1, count + 1)
    )


def _served(model: FleetModel, profile: str, zone: str | None, queues: Mapping[str, QueueLanes]) -> tuple[str, ...]:
    """Give the lanes a profile serves in a zone, in the order of its queues."""
    return tuple(
        lane.name
        for queue in model.profiles[profile].queues
        for lane in queues[queue].lanes
        if profile in lane.profiles and lane.zone in {None, zone}
    )
