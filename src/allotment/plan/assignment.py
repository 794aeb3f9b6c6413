"""One worker's place in the plan: on which node, with which lanes."""

from allotment.errors import ProofFailed, UnknownName
from allotment.model.fleet import FleetModel
from allotment.model.names import did_you_mean
from allotment.model.node import Node
from allotment.plan.placement import Worker, concurrency_on
from allotment.plan.plan import Plan


def node_for(model: FleetModel, profile: str, node: str | None) -> Node:
    """Give the node a worker of this profile runs on: the one named, else the only one that has it.

    Raises UnknownName.
    """
    if profile not in model.profiles:
        raise UnknownName(f"there is no profile {profile!r}", hint=did_you_mean(profile, model.profiles))
    if node is not None:
        if node not in model.nodes:
            raise UnknownName(f"there is no node {node!r}", hint=did_you_mean(node, model.nodes))
        return model.nodes[node]
    having = [one for one in model.nodes.values() if one.workers.get(profile)]
    if len(having) == 1:
        return having[0]
    names = ", ".join(one.name for one in having)
    where = f"several nodes run profile {profile!r}: {names}" if having else f"no node runs profile {profile!r}"
    raise UnknownName(where, hint="say which with --node" if having else "add it to the workers of a node")


def placed_worker(plan: Plan, profile: str, node: str, index: int) -> Worker:
    """Give a worker as the plan has it; an index over the file's count is a worker that scaling added.

    Raises UnknownName, and ProofFailed where the plan has nothing for it to consume.
    """
    wanted = (profile, node, index)
    found = next((one for one in plan.workers if (one.profile, one.node, one.index) == wanted), None)
    if found is None:
        # the node of a worker that scaling added may have none of the profile otherwise
        if not any(one.profile == profile for one in plan.workers):
            raise UnknownName(f"no node runs profile {profile!r}", hint="add it to the workers of a node")
        there = plan.model.nodes[node]
        concurrency = concurrency_on(plan.model.profiles[profile], there)
        found = Worker(profile, node, index, plan.served(profile, there.zone), concurrency)
    if not plan.serves(found):
        raise ProofFailed(
            f"worker {found.name} could run nothing that is sent to its queues",
            hint="`allot check` shows why",
        )
    return found
