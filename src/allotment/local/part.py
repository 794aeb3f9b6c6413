"""The part of a fleet that this machine runs: which workers, and how each is started."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from allotment.errors import ProofFailed, SupervisorRunning, UnknownName
from allotment.local.embedded import EmbeddedBroker
from allotment.local.inventory import read_inventory
from allotment.local.ledger import Ledger
from allotment.local.lock import FileLock, Held
from allotment.local.reach import check_listening
from allotment.local.state import StateFolder, write_whole
from allotment.local.supervisor import Command, worker_command
from allotment.model.fleet import FleetModel
from allotment.model.names import did_you_mean
from allotment.plan.placement import Worker, misfits
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.proof import prove
from allotment.source.fleet_file import FleetFile

INVENTORY = "ALLOTMENT_INVENTORY"
"""Names the file in which a worker finds the tasks of the app, so that it need not look for them."""


@dataclass(frozen=True)
class Part:
    """The workers of some nodes of a proved fleet."""

    file: FleetFile
    plan: Plan
    nodes: tuple[str, ...]
    workers: tuple[Worker, ...]
    state: StateFolder

    @property
    def label(self) -> str:
        """A name for files of this part."""
        return "+".join(self.nodes) if len(self.nodes) <= 3 else f"{len(self.nodes)}-nodes"  # noqa: PLR2004 - as long as it stays short

    @property
    def ledger(self) -> Ledger:
        """Where the supervisor of this part notes what it started."""
        return Ledger(self.state.file(f"workers-{self.label}.json"))

    def commands(self, loglevel: str) -> tuple[Command, ...]:
        """Give the command of each worker."""
        environment = {**os.environ, INVENTORY: str(self.state.path / "inventory.json")}
        return tuple(
            Command(
                worker.name,
                worker_command(str(self.file.path), worker.profile, worker.node, worker.index, loglevel),
                environment,
            )
            for worker in self.workers
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the nodes of this part, so that nobody else runs them. Raises SupervisorRunning."""
        locks: list[FileLock] = []
        try:
            for node in self.nodes:
                lock = FileLock(self.state.file(f"supervisor-{node}.lock"))
                try:
                    lock.acquire()
                except Held as held:
                    raise SupervisorRunning(
                        f"node {node!r} of {self.file.path} is already run by process {held.pid}",
                        hint=f"stop it first (kill {held.pid}), or run another node with --node",
                    ) from None
                locks.append(lock)
            yield
        finally:
            for lock in locks:
                lock.release()

    @property
    def uses_embedded(self) -> bool:
        """Whether messages or results go through the embedded broker."""
        model = self.file.model
        return any(address is not None and address.embedded for address in (model.broker, model.results))

    def reach_broker(self) -> None:
        """Start the embedded broker, or see that the named one listens. Raises BrokerUnreachable."""
        if self.uses_embedded:
            EmbeddedBroker(self.state).hold()
        for address in (self.file.model.broker, self.file.model.results):
            if address is not None and not address.embedded:
                check_listening(address.value)


def part_of(file: FleetFile, node: str | None, scale: Mapping[str, int]) -> Part:
    """Give the part of one node, or of all: plan, proof and the app's tasks found.

    Raises UnknownName, AppUnusable, ProofFailed.
    """
    model = file.model
    if node is not None and node not in model.nodes:
        raise UnknownName(f"there is no node {node!r}", hint=did_you_mean(node, model.nodes))
    nodes = (node,) if node is not None else tuple(model.nodes)
    scaled = _scaled(model, nodes, scale)
    if model.app is None:
        raise UnknownName("the fleet file names no app, and workers need one", hint="add app: module:attribute")
    inventory = read_inventory(model.app, file.path.parent)
    state = StateFolder.of(file.path)
    plan = compile_plan(model, inventory.tasks, inventory.beat)
    _refuse_unproved(plan)
    _refuse_overcommitted(scaled)
    write_whole(state.file("inventory.json"), inventory.to_json())
    workers = compile_plan(scaled, inventory.tasks).workers if scale else plan.workers
    return Part(file, plan, nodes, _as_planned(plan, [one for one in workers if one.node in nodes]), state)


def _scaled(model: FleetModel, nodes: tuple[str, ...], scale: Mapping[str, int]) -> FleetModel:
    changed = dict(model.nodes)
    for profile, count in scale.items():
        if profile not in model.profiles:
            raise UnknownName(f"there is no profile {profile!r} to scale", hint=did_you_mean(profile, model.profiles))
        placed = [name for name in nodes if model.nodes[name].workers.get(profile)]
        if not placed:
            raise UnknownName(
                f"profile {profile!r} does not run on {', '.join(nodes)}",
                hint=f"it runs on {', '.join(one.name for one in model.nodes.values() if one.workers.get(profile))}",
            )
        for name in placed:
            changed[name] = replace(changed[name], workers={**changed[name].workers, profile: count})
    return replace(model, nodes=changed)


def _as_planned(plan: Plan, workers: Sequence[Worker]) -> tuple[Worker, ...]:
    """Give scaled workers the lanes of the plan: lanes follow from the file, not from how many run just now."""
    nodes = plan.model.nodes
    return tuple(replace(worker, consumes=plan.served(worker.profile, nodes[worker.node].zone)) for worker in workers)


def _refuse_unproved(plan: Plan) -> None:
    proof = prove(plan)
    if not proof.holds:
        example = proof.counter_examples[0]
        what = f"task {example.task!r}: {example.reason}" if example.task else example.reason
        raise ProofFailed(
            f"the fleet is not proved, so it is not run: {what}", hint=f"{example.mend}; see `allot check`"
        )


def _refuse_overcommitted(model: FleetModel) -> None:
    for misfit in misfits(model):
        raise ProofFailed(f"the node cannot hold so many: {misfit.reason}", hint=misfit.mend)
