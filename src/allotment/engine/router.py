"""Every message of the app to the lane the plan gives it, or refused at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from allotment.engine.signatures import leaves, task_that_decides
from allotment.errors import QueueUnknown
from allotment.model.names import did_you_mean
from allotment.model.task import BUILT_IN_PREFIX
from allotment.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan and its broker queues, as kombu's, by name."""

    plan: Plan
    queues: Mapping[str, Any]


class Planned(Protocol):
    """What the router needs of an installation."""

    def compiled_for(self, task: str) -> Compiled:
        """Give the plan that knows a task. Raises TaskUnknown."""


class LaneRouter:
    """Takes the place of Celery's router (`celery/app/routes.py`), which asks no route where a call names a queue."""

    def __init__(self, installation: Planned) -> None:
        self._installation = installation

    def route(
        self,
        options: dict[str, Any],
        name: str,
        args: Any = (),
        kwargs: Mapping[str, Any] | None = None,
        task_type: Any = None,  # noqa: ARG002 - Celery's signature
    ) -> dict[str, Any]:
        """Give the options with the lane as their queue.

        Raises QueueUnknown, TaskUnknown or NobodyCanRun, each naming the task, the queue and the queues that would do.
        """
        decides, its_queue = (
            (name, None) if not name.startswith(BUILT_IN_PREFIX) else task_that_decides(name, args, kwargs)
        )
        compiled = self._installation.compiled_for(decides)
        plan = compiled.plan
        queue = requested_queue(plan, options, decides)
        lane = plan.lane(decides, queue or (its_queue and queue_of(plan, its_queue, decides)))
        options.pop("exchange", None)
        options.pop("routing_key", None)
        options["queue"] = compiled.queues[lane.name]
        return options

    def check(self, signatures: Any) -> None:
        """Raise as `route` does if a task inside a canvas could not be published when its turn comes."""
        for signature in leaves(signatures):
            options = dict(signature.get("options") or {})
            self.route(options, signature["task"], signature.get("args"), signature.get("kwargs"))


def requested_queue(plan: Plan, options: Mapping[str, Any], task: str) -> str | None:
    """Give the queue of the file that a call's options ask for; None: the task's own.

    `queue` may be a name, a lane's name (a retry goes back where it came from) or kombu's Queue; `exchange` and
    `routing_key` may name a queue by its binding.
    """
    queue = options.get("queue")
    if queue is not None:
        return queue_of(plan, str(getattr(queue, "name", queue)), task)
    exchange, key = options.get("exchange"), options.get("routing_key")
    if exchange is None and key is None:
        return None
    return _bound(plan, str(getattr(exchange, "name", exchange or "")), key, task)


def queue_of(plan: Plan, name: str, task: str) -> str:
    """Give the queue of the file behind a queue's or a lane's name. Raises QueueUnknown."""
    if name in plan.queues:
        return name
    lane = plan.lanes.get(name)
    if lane is not None:
        return lane.queue
    raise QueueUnknown(
        f"there is no queue {name!r} in the fleet, and {task!r} was to be sent there",
        task=task,
        queue=name,
        hint=did_you_mean(name, plan.queues, otherwise="`allot plan` lists the queues"),
    )


def _bound(plan: Plan, exchange: str, key: str | None, task: str) -> str:
    """Give the queue that an exchange and a key lead to; the default exchange leads to the queue named by the key."""
    if not exchange and key:
        return queue_of(plan, key, task)
    for queue in plan.model.queues.values():
        if exchange == (queue.exchange or queue.name) and key in {None, queue.routing_key or queue.name}:
            return queue.name
    lane = plan.lanes.get(key or "")
    if lane is not None:
        return lane.queue
    raise QueueUnknown(
        f"no queue of the fleet is bound to exchange {exchange!r} with key {key!r}, and {task!r} was to be sent there",
        task=task,
        queue=None,
        hint="name the queue instead: queue=…",
    )
