"""The worker that a request asks for, in the plan that everybody follows."""

from dataclasses import dataclass, replace

from allotment.backends.choosing import chosen_tasks
from allotment.backends.consuming import consumed_lanes
from allotment.backends.naming import full_name, usual_name
from allotment.backends.request import WorkerRequest
from allotment.errors import UnknownName
from allotment.model.names import did_you_mean
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.requirements import Requirements
from allotment.plan.assignment import node_for, placed_worker
from allotment.plan.placement import Worker, concurrency_on
from allotment.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class PlannedWorker:
    """A worker with the tasks it registers, the profile its figures are of, and the node it runs on."""

    worker: Worker
    tasks: tuple[str, ...]
    profile: Profile
    node: Node


def planned_worker(plan: Plan, request: WorkerRequest, here: Node) -> PlannedWorker:
    """Give the worker of a request; `here` is the node of one that is told none.

    Raises UnknownName, SelectionInvalid, and ProofFailed where the plan has nothing for a profile to consume.
    """
    tasks = chosen_tasks(plan, request)
    found = _of_profile(plan, request, tasks) if request.profile else _of_no_profile(plan, request, tasks, here)
    if request.concurrency is None:
        return found
    profile = replace(found.profile, concurrency=request.concurrency, autoscale=None)
    return replace(found, profile=profile, worker=replace(found.worker, concurrency=request.concurrency))


def _of_profile(plan: Plan, request: WorkerRequest, tasks: tuple[str, ...]) -> PlannedWorker:
    node = node_for(plan.model, str(request.profile), request.node)
    profile = plan.model.profiles[str(request.profile)]
    worker = placed_worker(plan, profile.name, node.name, 1)
    if request.narrows:
        worker = replace(worker, consumes=consumed_lanes(plan, tasks, request, node.zone))
    return PlannedWorker(replace(worker, own_name=_own_name(request)), tasks, profile, node)


def _of_no_profile(plan: Plan, request: WorkerRequest, tasks: tuple[str, ...], here: Node) -> PlannedWorker:
    """Give a worker with the usual figures that has what these tasks require."""
    nodes = plan.model.nodes
    if request.node is not None and request.node not in nodes:
        raise UnknownName(f"there is no node {request.node!r}", hint=did_you_mean(request.node, nodes))
    node = here if request.node is None else nodes[request.node]
    name = _own_name(request) or usual_name(request.selection)
    queues = tuple(plan.queues) if request.queues is None else request.queues
    profile = Profile(name.partition("@")[0], queues, tasks=tasks, requires=_required(plan, tasks))
    consumes = consumed_lanes(plan, tasks, request, node.zone)
    worker = Worker(profile.name, node.name, 1, consumes, concurrency_on(profile, node), name)
    return PlannedWorker(worker, tasks, profile, node)


def _own_name(request: WorkerRequest) -> str | None:
    return full_name(request.name) if request.name else None


def _required(plan: Plan, tasks: tuple[str, ...]) -> Requirements:
    """Give what these tasks require, together."""
    each = [plan.tasks[task].requires for task in tasks]
    return Requirements(
        tuple(dict.fromkeys(mount for one in each for mount in one.mounts)),
        tuple(dict.fromkeys(name for one in each for name in one.imports)),
        tuple(dict.fromkeys(label for one in each for label in one.labels)),
    )
