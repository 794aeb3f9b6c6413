"""The plan as a plain Celery settings module: the way out.

An app that reads it with `app.config_from_object("celeryconfig")`, and workers started by the plain commands, send and
consume as the fleet does. What settings cannot say is left behind: an explicit `queue=` in a call then names a lane,
and a publish that nobody can run is not refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from allotment.model.address import NO_RESULTS, Address
from allotment.model.fleet import FleetModel
from allotment.model.queue import ExchangeType
from allotment.model.task import Delivery, TaskEntry
from allotment.plan.broker_queues import BrokerQueue, broker_queues, dead_letter_queues
from allotment.plan.delivery import acknowledgement, is_quorum, visibility_timeout
from allotment.plan.lanes import Lane
from allotment.plan.plan import Plan
from allotment.source.environment import references

_TRANSPORT = "broker_transport_options"
_VARIABLE_OF_SECRET = {"broker": "BROKER_URL", "results": "RESULT_URL"}


def celeryconfig(plan: Plan) -> str:
    """Write the module. Addresses with a password are read from the environment, never written."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield '"""Celery settings that send and consume as the fleet does."""'
    yield ""
    yield "import os"
    yield ""
    yield "from kombu import Exchange, Queue"
    yield ""
    yield f"broker_url = {_address(plan.model.broker, 'broker')}"
    if plan.model.results is not None and plan.model.results.value == NO_RESULTS:
        yield "task_ignore_result = True"
    else:
        yield f"result_backend = {_address(plan.model.results, 'results')}"
    speaks_redis = plan.model.broker is not None and plan.model.broker.speaks_redis
    settings = dict(other_settings(plan.model, speaks_redis=speaks_redis))
    usual = usual_transport_options(plan.model, speaks_redis=speaks_redis) if plan.model.broker else {}
    transport = {**usual, **settings.pop(_TRANSPORT, {})}
    for name, value in (settings | ({_TRANSPORT: transport} if transport else {})).items():
        yield f"{name} = {value!r}"
    yield "task_create_missing_queues = False"
    yield f"task_default_queue = {_default_queue(plan)!r}"
    yield "task_queues = ["
    for queue in broker_queues(plan):
        yield f"    {_queue(queue)},"
    yield "]"
    for queue in dead_letter_queues(plan):
        said = ", ".join(f"{name} {value}" for name, value in queue.arguments.items())
        what = f"{queue.name!r} ({said})" if said else repr(queue.name)
        yield f"# Declare {what} on the broker before the workers start: no worker consumes it, so none does."
    yield from _left_behind(plan, speaks_redis=speaks_redis)
    yield "task_routes = {"
    for name in sorted(plan.tasks):
        lane = plan.default_lane(name)
        if lane is not None:
            yield f"    {name!r}: {_route(plan, lane)!r},"
    yield "}"
    yield "task_annotations = {"
    for name in sorted(plan.tasks):
        ways = set(plan.deliveries(plan.tasks[name]).values())
        if len(ways) > 1:
            yield f"    # {name!r} is delivered as each worker's profile says, which settings cannot say."
        attributes = annotations(plan.tasks[name].entry, ways.pop() if len(ways) == 1 else None)
        if attributes:
            yield f"    {name!r}: {dict(attributes)!r},"
    yield "}"


def _left_behind(plan: Plan, *, speaks_redis: bool) -> Iterator[str]:
    """Give comments on what the fleet's workers do for queues, and Celery's do not."""
    counting = {name for name in plan.queues if is_quorum(plan.declared[name]) and not speaks_redis}
    counted = [name for name in plan.queues if plan.delivery_limit(name) and name not in counting]
    if counted:
        yield f"# Nothing counts the deliveries of messages in {', '.join(counted)}: what kills its worker comes back."
    if plan.any_quorum and not speaks_redis:
        yield "# Calls with a countdown or an ETA to quorum queues wait in a worker, and keep it from others meanwhile."


def other_settings(model: FleetModel, *, speaks_redis: bool) -> Mapping[str, Any]:
    """Give the settings that the file names itself, with what follows from its other keys, by Celery's names.

    `speaks_redis` says whether the broker is of the Redis family, which takes some of them.
    """
    found = dict(model.settings)
    transport = dict(found.get(_TRANSPORT) or {})
    if speaks_redis:
        if model.visibility_timeout is not None:
            transport["visibility_timeout"] = model.visibility_timeout
        steps = max((queue.max_priority or 0 for queue in model.queues.values()), default=0)
        if steps:
            # kombu's Redis transport keeps a list for each step it is told of (its `priority_steps`)
            transport = {"priority_steps": list(range(steps + 1))} | transport
    if transport:
        found[_TRANSPORT] = transport
    return found


def usual_transport_options(model: FleetModel, *, speaks_redis: bool) -> Mapping[str, Any]:
    """Give the options of the broker's transport that follow from the file where neither it nor the app says them."""
    if not speaks_redis:
        # what a full queue refuses is told to publishers only under confirms (`confirm_publish` of kombu's pyamqp)
        return {"confirm_publish": True}
    seconds = visibility_timeout(model)
    return {} if seconds is None else {"visibility_timeout": seconds}


def annotations(entry: TaskEntry | None, delivery: Delivery | None) -> Mapping[str, Any]:
    """Give the attributes that a task is to have, by Celery's names: its entry's limits in seconds, its delivery."""
    found: dict[str, Any] = {}
    if entry is not None and entry.time_limit is not None:
        found["time_limit"] = entry.time_limit
    if entry is not None and entry.soft_time_limit is not None:
        found["soft_time_limit"] = entry.soft_time_limit
    return {**found, **acknowledgement(delivery)}


def _route(plan: Plan, lane: Lane) -> dict[str, str]:
    """Give the route to a lane; past a topic exchange, where Celery would publish the pattern it is bound with."""
    route = {"queue": lane.name}
    if plan.model.queues[lane.queue].exchange_type is not ExchangeType.DIRECT:
        route |= {"exchange": "", "routing_key": lane.name}
    return route


def _default_queue(plan: Plan) -> str:
    """Give a lane of the default queue that the plain commands consume: the one most workers do."""
    name = plan.model.default_queue or next(iter(plan.queues))
    used = [lane for lane in plan.queues[name].lanes if lane.name in plan.used and lane.zone is None]
    widest = max(used, key=lambda lane: (len(lane.profiles), lane.name), default=None)
    return widest.name if widest else name


def _queue(queue: BrokerQueue) -> str:
    arguments = f", queue_arguments={dict(queue.arguments)!r}" if queue.arguments else ""
    exchange = (
        "Exchange('')"
        if queue.exchange is None
        else f"Exchange({queue.exchange!r}, type={str(queue.exchange_type)!r}, durable=True)"
    )
    key, durable = f"routing_key={queue.routing_key!r}", f"durable={queue.durable}"
    return f"Queue({queue.name!r}, {exchange}, {key}, {durable}{arguments})"


def _address(address: Address | None, key: str) -> str:
    """Write an address as an expression: the environment's variable where the file named one or it holds a secret."""
    variable = _VARIABLE_OF_SECRET[key]
    if address is None or address.embedded:
        return f"os.environ[{variable!r}]"
    found = references(address.written or "")
    if len(found) == 1 and address.written == _reference(*found[0]):
        name, default = found[0]
        if default is None or default in {"embedded", NO_RESULTS} or Address(default).shown != default:
            return f"os.environ[{name!r}]"
        return f"os.environ.get({name!r}, {default!r})"
    if address.written is not None or address.shown != address.value:
        return f"os.environ[{variable!r}]"
    return repr(address.value)


def _reference(name: str, default: str | None) -> str:
    return f"${{{name}}}" if default is None else f"${{{name}:-{default}}}"
