"""What a change of the plan means for workers that run: which follow another plan than before, and which lanes end."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace

from allotment.model.fleet import FleetModel
from allotment.plan.placement import Worker
from allotment.plan.plan import Plan

_OF_WORKERS = frozenset({"profiles", "nodes"})
"""The parts of a model of which a worker knows its own profile and node only."""


def works_differently(worker: Worker, old: Plan, new: Plan) -> bool:
    """Say whether a worker that runs by the old plan would do anything else by the new one, which has its profile.

    It would where its own profile or place is another, and where messages go elsewhere: workers send them too.
    """
    return (
        _own(worker, old) != _own(worker, new)
        or _shared(old.model) != _shared(new.model)
        or _lanes(old) != _lanes(new)
        or old.known != new.known
    )


def _own(worker: Worker, plan: Plan) -> object:
    node = plan.model.nodes[worker.node]
    profile = plan.model.profiles[worker.profile]
    lanes = plan.served(worker.profile, node.zone)
    return replace(profile, about=None), lanes, node.zone, node.cpu if profile.concurrency is None else None


def _shared(model: FleetModel) -> Mapping[str, object]:
    return {one.name: getattr(model, one.name) for one in fields(model) if one.name not in _OF_WORKERS}


def _lanes(plan: Plan) -> Mapping[str, object]:
    return {name: frozenset(lanes.lanes) for name, lanes in plan.queues.items()}


def abandoned_lanes(taken: Iterable[str], new: Plan) -> tuple[str, ...]:
    """Give those of the lanes in use from which no worker of the new plan takes, sorted."""
    return tuple(sorted(set(taken) - new.consumers.keys()))


def places(
    running: Iterable[Worker], wanted: Iterable[Worker], tasks: Callable[[str], int]
) -> tuple[tuple[Worker, ...], tuple[Worker, ...]]:
    """Give the workers to end and those to start, so that as many run of each profile on each node as are wanted.

    Of those that run, the ones with the fewest tasks end first, `tasks` says how many by the worker's name; of several
    the last. The numbers of those to start are the first that are free, so there may be gaps.
    """
    ending: list[Worker] = []
    starting: list[Worker] = []
    have, want = _by_place(running), _by_place(wanted)
    for place in {**have, **want}:
        here, there = have.get(place, []), want.get(place, [])
        surplus = len(here) - len(there)
        if surplus > 0:
            ending += sorted(here, key=lambda one: (tasks(one.name), -one.index))[:surplus]
        taken = {one.index for one in here}
        starting += [one for one in there if one.index not in taken][: max(0, -surplus)]
    return tuple(ending), tuple(starting)


def _by_place(workers: Iterable[Worker]) -> dict[tuple[str, str], list[Worker]]:
    found: dict[tuple[str, str], list[Worker]] = {}
    for worker in workers:
        found.setdefault((worker.node, worker.profile), []).append(worker)
    return found
