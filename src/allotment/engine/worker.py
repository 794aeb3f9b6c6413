"""One worker of the fleet: checks what it requires, imports what it registers, consumes its lanes, and nothing else."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_ready
from celery.utils.sysinfo import cpu_budget

from allotment.engine.addresses import broker_of, check_broker
from allotment.engine.app import import_all_tasks, import_app, make_importable
from allotment.engine.contracts.refusing import check_profile
from allotment.engine.declare import declare_queues
from allotment.engine.heartbeat import keep
from allotment.engine.idempotency.preparing import prepare
from allotment.engine.installation import Installation, install
from allotment.engine.modules import import_only, keep_only
from allotment.engine.pool import pool_class, pool_of
from allotment.engine.requirements import check_requirements
from allotment.errors import UnknownName
from allotment.local.heartbeat import usual_path
from allotment.local.inventory import read_inventory
from allotment.model.inventory import Inventory
from allotment.model.profile import Pool, Profile
from allotment.model.task import Delivery
from allotment.plan.assignment import placed_worker
from allotment.plan.celeryconfig import annotations
from allotment.plan.delivery import acknowledgement, delivery_of
from allotment.plan.placement import Worker
from allotment.source.fleet_file import FleetFile

CORES_UNKNOWN = 4
"""How many tasks run at once where nobody can tell how many cores there are."""


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """Which worker of the fleet a process is to be; `heartbeat` is the file it keeps, None: the usual one."""

    profile: str
    node: str
    index: int = 1
    loglevel: str = "INFO"
    color: bool | None = None
    heartbeat: Path | None = None


def inventory_of(file: FleetFile) -> Inventory | None:
    """Find the tasks of the fleet's app; None where there is no app."""
    return None if file.model.app is None else read_inventory(file.model.app, file.path.parent)


def load_worker(file: FleetFile, order: WorkerOrder, inventory: Inventory | None) -> tuple[Celery, Worker]:
    """Import the app and the modules of the tasks this worker registers, and make it follow the plan.

    Raises AppUnusable, ContractUnimplemented, and ProofFailed where the plan has nothing for this worker to consume.
    """
    reference = file.model.app
    if reference is None or inventory is None:
        raise UnknownName(
            "the fleet file names no app, and a worker needs one to run tasks",
            hint="add app: module:attribute",
        )
    check_profile(file.model.profiles[order.profile], inventory.placeholders)
    app = import_app(reference, file.path.parent)
    plan = install(file, app, inventory.tasks, zone=file.model.nodes[order.node].zone).plan
    worker = placed_worker(plan, order.profile, order.node, order.index)
    register_only(app, inventory, frozenset(plan.registered_by(order.profile)), file.model.profiles[order.profile])
    return app, worker


def register_only(app: Celery, inventory: Inventory, names: frozenset[str], profile: Profile) -> None:
    """Import the modules that hold these tasks and register no others, as a worker of a profile.

    Raises AppUnusable, and IdempotencyUnusable.
    """
    import_only(app, inventory.modules_for(names))
    import_all_tasks(app)
    app.loader.worker_initialized = True
    keep_only(app, names)
    _annotate(app, app.allotment, names, profile)
    prepare(app, names)


def _annotate(app: Celery, installation: Installation, names: frozenset[str], profile: Profile) -> None:
    """Give tasks the limits and the delivery that the file asks for: the worker's side is where they count.

    Of the tasks of Celery's own, which every worker has, the delivery alone: `celery.map` runs others.

    Where a task is acknowledged when it is done, its result is stored before, however long the server is away or takes
    none: Celery else logs the failure, acknowledges, and who waits for the result waits for ever
    (`celery/app/trace.py`).
    """
    for name, task in app.tasks.items():
        entry = installation.plan.entries.first(name)
        delivery = delivery_of(entry, profile)
        if delivery is Delivery.AT_LEAST_ONCE:
            app.conf.result_backend_always_retry = True
        found = annotations(entry, delivery) if name in names else acknowledgement(delivery)
        for attribute, value in found.items():
            setattr(task, attribute, value)


def cores() -> int:
    """Give how many cores this process may use: by its affinity and by the limits of its control groups.

    Celery's `auto` heeds the latter for prefork only (`celery/worker/worker.py`, `_resolve_auto_concurrency`).
    """
    return cpu_budget().count if os.cpu_count() else CORES_UNKNOWN


def celery_options(profile: Profile, worker: Worker, loglevel: str, *, color: bool | None = None) -> dict[str, Any]:
    """Give the options of Celery's worker class for one worker with the figures of a profile."""
    options: Mapping[str, Any] = {
        "hostname": worker.name,
        "queues": list(worker.consumes),
        "pool_cls": pool_class(profile),
        "concurrency": cores() if worker.concurrency is None else worker.concurrency,
        "autoscale": (profile.autoscale.most, profile.autoscale.least) if profile.autoscale else None,
        "prefetch_multiplier": profile.prefetch,
        "max_tasks_per_child": profile.max_tasks_per_child,
        "max_memory_per_child": profile.max_memory_per_child and profile.max_memory_per_child // 1024,
        "time_limit": profile.time_limit,
        "soft_time_limit": profile.soft_time_limit,
        "loglevel": loglevel,
        "no_color": None if color is None else not color,
    }
    return {key: value for key, value in options.items() if value is not None} | {
        "without_gossip": True,
        "without_mingle": True,
        "quiet": True,
    }


def _heartbeat_slows(app: Celery, profile: Profile) -> bool:
    """Say whether a worker had better send no heartbeat events: on gevent over AMQP.

    A worker that sends any listens 0.1 s to their connection after each message (`celery/worker/loops.py`, `synloop`,
    5.7), and so takes up ten tasks a second at most. The heartbeat of the connection itself is another one.
    """
    return pool_of(profile) is Pool.GEVENT and bool(app.connection_for_read().supports_heartbeats)


def run_worker(
    file: FleetFile, order: WorkerOrder, inventory: Inventory | None, on_ready: Callable[[], None] | None = None
) -> int:
    """Be the worker until told to stop; give Celery's exit code. `inventory` None: the app's tasks are found now.

    Raises RequirementsUnmet, AppUnusable, ProofFailed, QueueDiffers or BrokerUnreachable before anything is consumed.
    """
    make_importable(file.path.parent)
    check_requirements(file.model.profiles[order.profile], file.model.nodes[order.node])
    app, worker = load_worker(file, order, inventory or inventory_of(file))
    return take_tasks(
        app,
        worker,
        file.model.profiles[order.profile],
        loglevel=order.loglevel,
        color=order.color,
        heartbeat=order.heartbeat,
        on_ready=on_ready,
    )


def take_tasks(
    app: Celery,
    worker: Worker,
    profile: Profile,
    *,
    loglevel: str,
    color: bool | None = None,
    heartbeat: Path | None = None,
    on_ready: Callable[[], None] | None = None,
) -> int:
    """Consume the worker's lanes until told to stop; give Celery's exit code.

    Raises QueueDiffers or BrokerUnreachable before anything is consumed.
    """
    app.allotment.before_connecting()
    check_broker(broker_of(app))
    declare_queues(app, worker)
    if on_ready is not None:
        worker_ready.connect(lambda **_: on_ready(), weak=False)
    # running as root is dangerous where pickle is accepted, which Celery refuses by itself (`check_privileges`)
    warnings.simplefilter("ignore", SecurityWarning)
    keep(app, heartbeat or usual_path(worker.name))
    options = celery_options(profile, worker, loglevel, color=color)
    celery_worker = app.Worker(**options, without_heartbeat=_heartbeat_slows(app, profile))
    celery_worker.start()
    return int(celery_worker.exitcode or 0)
