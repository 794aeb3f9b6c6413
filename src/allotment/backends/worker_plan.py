"""The plan of one worker: what is shown of it, and what is run."""

from dataclasses import dataclass

from allotment.backends.task import RegisteredTask
from allotment.model.node import Node
from allotment.model.profile import Profile


@dataclass(frozen=True)
class WorkerPlan:
    """One worker: its name, what it registers and what not, the lanes it consumes, and the figures of its profile.

    `source` says where the plan is from. `concurrency` None: as many as there are cores. The addresses are without
    secrets. `command` is what would run it without Allotment, None where nothing does. `notes` are for whoever starts
    it. `of_profile` is the file's profile that was asked for. `heartbeat` names the file that a health check reads,
    None: it is named after the worker.
    """

    backend: str
    source: str
    name: str
    registers: tuple[RegisteredTask, ...]
    others: tuple[RegisteredTask, ...]
    consumes: tuple[str, ...]
    profile: Profile
    node: Node
    concurrency: int | None
    broker: str
    results: str | None = None
    log_level: str = "INFO"
    command: str | None = None
    notes: tuple[str, ...] = ()
    of_profile: str | None = None
    heartbeat: str | None = None
