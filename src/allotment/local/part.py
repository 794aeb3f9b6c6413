"""The part of a fleet that this machine runs: which workers, and how each is started."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from allotment.errors import ProofFailed, UnknownName
from allotment.local.answer import Ask, ask
from allotment.local.embedded import EmbeddedBroker
from allotment.local.inventory import read_inventory
from allotment.local.ledger import mark_of
from allotment.local.reach import check_listening
from allotment.local.snapshot import Snapshot
from allotment.local.state import StateFolder, unwritable
from allotment.local.supervision.command import Command, worker_arguments
from allotment.local.variables import SNAPSHOT
from allotment.model.fleet import FleetModel
from allotment.model.names import did_you_mean
from allotment.plan.placement import Worker, misfits
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.proof import prove
from allotment.source.fleet_file import FleetFile


@dataclass(frozen=True)
class Part:
    """The workers of some nodes of a proved fleet, and what was proved."""

    file: FleetFile
    plan: Plan
    nodes: tuple[str, ...]
    workers: tuple[Worker, ...]
    state: StateFolder
    snapshot: Snapshot

    def keep(self, holder: str) -> Path:
        """Keep what was proved for the workers, see `Snapshot.keep`; give the file. Raises FileInvalid."""
        try:
            return self.snapshot.keep(self.state, holder)
        except OSError as error:
            raise unwritable(self.state.path, error) from None

    def command(self, worker: Worker, kept: Path, loglevel: str) -> Command:
        """Give the command of a worker that follows what is kept in this file."""
        return Command(
            worker.name,
            worker_arguments(str(self.file.path), worker.profile, worker.node, worker.index, loglevel),
            {**os.environ, SNAPSHOT: str(kept)},
            mark_of(self.state, worker.name),
        )

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


def part_of(file: FleetFile, node: str | None, scale: Mapping[str, int], ask: Ask = ask) -> Part:
    """Give the part of one node, or of all: plan, proof and the app's tasks found, by `ask`.

    Raises UnknownName, AppUnusable, ProofFailed.
    """
    model = file.model
    if node is not None and node not in model.nodes:
        raise UnknownName(f"there is no node {node!r}", hint=did_you_mean(node, model.nodes))
    nodes = (node,) if node is not None else tuple(model.nodes)
    scaled = _scaled(model, nodes, scale)
    if model.app is None:
        raise UnknownName("the fleet file names no app, and workers need one", hint="add app: module:attribute")
    inventory = read_inventory(model.app, file.path.parent, ask)
    state = StateFolder.of(file.path)
    plan = compile_plan(model, inventory.tasks, inventory.beat)
    _refuse_unproved(plan)
    _refuse_overcommitted(scaled)
    workers = compile_plan(scaled, inventory.tasks).workers if scale else plan.workers
    here = _as_planned(plan, [one for one in workers if one.node in nodes])
    return Part(file, plan, nodes, here, state, Snapshot.of(file, inventory))


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
