"""Every message of the app to the lane the plan gives it, or refused at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from allotment.engine.contracts.foreign import foreign_options
from allotment.engine.contracts.task import WHERE
from allotment.engine.delays import lane_key
from allotment.engine.signatures import leaves, task_that_decides
from allotment.errors import QueueUnknown, TaskUnknown
from allotment.model.names import did_you_mean
from allotment.model.queue import ExchangeType, Queue
from allotment.model.task import BUILT_IN_PREFIX
from allotment.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan and its broker queues, as kombu's, by name: as they are consumed, and as they are published to."""

    plan: Plan
    queues: Mapping[str, Any]
    published: Mapping[str, Any]


class Planned(Protocol):
    """What the router needs of an installation."""

    @property
    def zone(self) -> str | None:
        """Where the process stands; None: nowhere known."""

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
        task_type: Any = None,
    ) -> dict[str, Any]:
        """Give the options with the lane as their queue.

        `resource_type` in the options hints at the kind of work, `zone` says where it is sent from. A contract that
        the fleet does not have goes to the contract's own queue: another fleet runs it. Raises QueueUnknown,
        TaskUnknown, NobodyCanRun, HintUnknown or ZoneUnknown, each naming the task and what would do.
        """
        decides, its_queue = (
            (name, None) if not name.startswith(BUILT_IN_PREFIX) else task_that_decides(name, args, kwargs)
        )
        try:
            compiled = self._installation.compiled_for(decides)
        except TaskUnknown:
            elsewhere = foreign_options(name, options)
            if elsewhere is None:
                raise
            return elsewhere
        plan = compiled.plan
        options = _of_the_call(options, task_type)
        requested = requested_queue(plan, options, decides)
        zone = options.pop("zone", None) or self._installation.zone
        hint = _hint(plan, options, kwargs)
        lane = plan.lane(decides, requested or (its_queue and queue_of(plan, its_queue, decides)), zone=zone, hint=hint)
        options.pop("exchange", None)
        options.pop("routing_key", None)
        options["queue"] = compiled.published[lane.name]
        return options

    def check(self, signatures: Any) -> None:
        """Raise as `route` does if a task inside a canvas could not be published when its turn comes."""
        for signature in leaves(signatures):
            options = dict(signature.get("options") or {})
            self.route(options, signature["task"], signature.get("args"), signature.get("kwargs"))


def _of_the_call(options: Mapping[str, Any], task_type: Any) -> dict[str, Any]:
    """Give what a call asks for, without what Celery adds from the task's own attributes: these come after its entry.

    A copy: Celery gives other tasks' arguments here for the body of a chord (`celery/app/builtins.py`).
    """
    found = dict(options)
    for key in WHERE if found else ():
        value = found.get(key)
        if value is not None and value == getattr(task_type, key, None):
            del found[key]
    return found


def _hint(plan: Plan, options: dict[str, Any], kwargs: Mapping[str, Any] | None) -> str | None:
    """Take the kind of work out of the options; else read it from the keyword argument that the file names."""
    hint = options.pop("resource_type", None)
    routing = plan.model.routing
    if hint is None and routing is not None and routing.argument is not None and kwargs:
        hint = kwargs.get(routing.argument)
    return None if hint is None else str(hint)


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
    key = lane_key(key) if key else key
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


def _leads_to(queue: Queue, key: str) -> bool:
    """Say whether a key leads to a queue; for a topic, `*` stands for a word and `#` for any number of them."""
    binding = queue.routing_key or queue.name
    if queue.exchange_type is ExchangeType.DIRECT:
        return key == binding
    pattern = re.escape("." + binding).replace(r"\.\#", r"(\.[^.]+)*").replace(r"\.\*", r"\.[^.]+")
    return re.fullmatch(pattern, "." + key) is not None


def _bound(plan: Plan, exchange: str, key: str | None, task: str) -> str:
    """Give the queue that an exchange and a key lead to; the default exchange leads to the queue named by the key."""
    if not exchange and key:
        return queue_of(plan, key, task)
    for queue in plan.model.queues.values():
        if exchange == (queue.exchange or queue.name) and (key is None or _leads_to(queue, key)):
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
