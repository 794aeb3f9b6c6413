"""Every key of the fleet file: one table, from which the file is checked and its JSON Schema is made."""

from typing import Any

from allotment.model import address, idempotency, names, quantities
from allotment.model.preset import PRESETS
from allotment.model.profile import Pool
from allotment.model.queue import ExchangeType, QueueType, WhenFull
from allotment.model.requirements import Mount
from allotment.model.task import Delivery, ZoneRule
from allotment.source.kinds import (
    Anything,
    Choice,
    Count,
    Flag,
    Key,
    Kind,
    ListOf,
    MappingOf,
    OneOrMany,
    Quantity,
    Rejected,
    Scalar,
    Section,
    Text,
)

MOST_WORKERS = 10_000
"""Workers of a fleet, and so of one profile on one node."""

_QUEUE = Text(names.queue_name, pattern="^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
_LABEL = Text(names.label, pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")
_TASKS = ListOf(Text(names.task_pattern))
_DURATION = Quantity(quantities.duration)
_MEMORY = Quantity(quantities.memory)
_CPU = Quantity(quantities.cpu)


def _preset(text: str) -> str:
    if text not in PRESETS:
        hint = names.did_you_mean(text, PRESETS)
        raise ValueError(f"{text!r} is not a preset: {hint}; `allot presets` shows them")
    return text


def _path(text: str) -> str:
    if not text or "\0" in text or "\n" in text:
        raise ValueError(f"{text!r} is not a path")
    return text


_MOUNT = Section(
    {
        "path": Key(
            Text(_path), "The folder; a relative one starts at the fleet file's folder.", "/srv/media", required=True
        ),
        "mount_point": Key(
            Flag(), "Whether it must be the root of a mounted file system (true if left out).", example=False
        ),
        "writable": Key(Flag(), "Whether the worker must be able to write there (true if left out).", example=True),
    },
    short="path",
)

_REQUIRES = Section(
    {
        "mounts": Key(ListOf(_MOUNT), "Folders that must be mounted.", ["/srv/media"]),
        "imports": Key(ListOf(Text(names.module_name)), "Modules that must be importable.", ["av"]),
        "labels": Key(ListOf(_LABEL), "Labels the node must carry.", ["ssd"]),
    }
)

_DELIVERY = Choice(Delivery)

_IDEMPOTENT = Section(
    {
        "key": Key(
            OneOrMany(Text(names.argument)),
            "The parameter whose value tells calls apart, or a list of parameters; `id`: the task's id.",
            "order",
            required=True,
        ),
        "keep": Key(_DURATION, "How long a call that was done is known, with its result (1d if left out).", "7d"),
        "lease": Key(
            Quantity(idempotency.lease),
            "How long others wait for a call whose process died (30s if left out). It is renewed while the task runs.",
            "1m",
        ),
    },
    short="key",
)

_TASK = Section(
    {
        "queue": Key(_QUEUE, "The queue the task is sent to unless a call says otherwise.", "cpu_video_processing"),
        "time_limit": Key(_DURATION, "The task is killed after this long.", "1h"),
        "soft_time_limit": Key(_DURATION, "SoftTimeLimitExceeded is raised in the task after this long.", "50m"),
        "delivery": Key(
            _DELIVERY,
            "at-least-once: a task whose worker dies is run again, so it must be safe to repeat, and its queue is kept "
            "safe; at-most-once: it is not. Left out: as the worker's profile says, else the app, and Celery's default "
            "is at-most-once.",
            "at-least-once",
        ),
        "zone": Key(
            Choice(ZoneRule),
            "same: it is run in the zone it was sent from, by that zone's workers alone. Left out: anywhere.",
            "same",
        ),
        "idempotent": Key(
            _IDEMPOTENT,
            "A call that comes twice runs the task's code once, and both get the same result. Left out: it runs twice.",
            {"key": "order", "keep": "7d"},
        ),
        "requires": Key(
            _REQUIRES, "What a worker's profile must require, so that it can run the task.", {"imports": ["av"]}
        ),
    }
)

_QUEUE_ENTRY = Section(
    {
        "exchange": Key(_QUEUE, "The exchange the queue is bound to (the queue's name if left out).", "cpu_tasks"),
        "exchange_type": Key(
            Choice(ExchangeType), "How that exchange finds it: direct, if left out, or topic.", "topic"
        ),
        "routing_key": Key(
            Text(names.binding_key), "The key it is bound with (the queue's name if left out).", "cpu.video"
        ),
        "durable": Key(Flag(), "Whether it outlives a restart of the broker (true if left out).", example=False),
        "type": Key(
            Choice(QueueType),
            "classic, or quorum: replicated over RabbitMQ's nodes. Left out: quorum for tasks that are delivered at "
            "least once, unless max_priority or durable: false is given; else classic.",
            "quorum",
        ),
        "max_length": Key(Count(), "The most messages that may wait, in each lane.", 50),
        "when_full": Key(
            Choice(WhenFull),
            "reject: the publisher gets an error (if left out); drop-oldest: the oldest message goes.",
            "reject",
        ),
        "max_priority": Key(
            Count(1, 255), "Messages carry priorities from 0 up to this; RabbitMQ advises at most 10.", 10
        ),
        "delivery_limit": Key(
            Count(),
            "A message that was delivered so often is set aside. Left out: 20 for tasks that are delivered at least "
            "once, else there is no limit.",
            5,
        ),
        "dead_letter": Key(
            Text(names.dead_letter_name),
            "The queue for what the broker gives up: rejected, expired or delivered too often. Left out: "
            "allotment.dead for tasks that are delivered at least once. RabbitMQ only.",
            "orders_dead",
        ),
        "arguments": Key(
            MappingOf(names.argument_name, Scalar(), name_pattern="^x-[a-z0-9-]+$"),
            "Other arguments for RabbitMQ, by its own names.",
            {"x-message-ttl": 60000},
        ),
    }
)

_PROFILE = Section(
    {
        "preset": Key(
            Text(_preset, words=tuple(PRESETS)), "A built-in profile to start from; every key here overrides it.", "cpu"
        ),
        "tasks": Key(_TASKS, "Names and patterns of the tasks it registers; all if left out.", ["shop.video.*"]),
        "exclude_tasks": Key(
            _TASKS, "Names and patterns it does not register, whatever `tasks` says.", ["shop.video.preview"]
        ),
        "queues": Key(ListOf(_QUEUE), "The queues it consumes.", ["cpu_video_processing"]),
        "pool": Key(
            Choice(Pool),
            "How it runs tasks: processes (prefork, if left out), threads, solo or gevent; "
            "io: gevent where it is installed, else threads.",
            "threads",
        ),
        "concurrency": Key(
            Count(),
            "Tasks at once; as many as the node has cores if left out. Given beside a preset, its autoscale is off.",
            4,
        ),
        "prefetch": Key(Count(), "Messages taken ahead for each place in the pool (Celery's multiplier).", 1),
        "max_tasks_per_child": Key(Count(), "A pool process is replaced after so many tasks.", 100),
        "max_memory_per_child": Key(_MEMORY, "A pool process is replaced once it has grown to this size.", "512Mi"),
        "time_limit": Key(_DURATION, "Tasks without a limit of their own are killed after this long.", "1h"),
        "soft_time_limit": Key(_DURATION, "SoftTimeLimitExceeded is raised in them after this long.", "50m"),
        "delivery": Key(
            _DELIVERY, "How tasks are delivered that its workers run and whose entry does not say it.", "at-least-once"
        ),
        "autoscale": Key(
            Section(
                {
                    "min": Key(Count(0), "The least pool processes.", 2, required=True),
                    "max": Key(Count(), "The most pool processes.", 8, required=True),
                }
            ),
            "Bounds between which the pool grows and shrinks.",
            {"min": 2, "max": 8},
        ),
        "resources": Key(
            Section(
                {
                    "cpu": Key(_CPU, "Cores one worker takes.", 4),
                    "memory": Key(_MEMORY, "Memory one worker takes.", "8Gi"),
                }
            ),
            "What one worker of the profile takes of its node.",
            {"cpu": 4, "memory": "8Gi"},
        ),
        "requires": Key(
            _REQUIRES, "What the node must offer, checked before the worker starts.", {"mounts": ["/srv/media"]}
        ),
        "about": Key(Text(), "What its workers are for, in a line; `allot plan --format markdown` shows it.", "Videos"),
    }
)

_NODE = Section(
    {
        "cpu": Key(_CPU, "The node's cores.", 16),
        "memory": Key(_MEMORY, "The node's memory.", "32Gi"),
        "labels": Key(ListOf(_LABEL), "Labels that profiles may require.", ["ssd"]),
        "mounts": Key(ListOf(Text(_path)), "What is mounted there; left out: not known.", ["/srv/media"]),
        "zone": Key(_LABEL, "Where the node stands: what a task with `zone: same` stays in.", "eu-1"),
        "workers": Key(
            MappingOf(names.label, Count(0, MOST_WORKERS)),
            "How many workers of which profile it runs.",
            {"cpu": 2},
            required=True,
        ),
    }
)

_ADDRESS = Text(address.address)
_WORDS = ListOf(Text(names.word))

_ROUTE_BY_RESOURCE = Section(
    {
        "cpu": Key(_QUEUE, "Where tasks go that mostly compute.", "cpu_data_analysis"),
        "io": Key(_QUEUE, "Where tasks go that mostly wait for others.", "io_api_calls"),
        "memory": Key(_QUEUE, "Where tasks go that hold much in memory.", "memory_aggregations"),
        "argument": Key(
            Text(names.argument), "A keyword argument of calls that says the kind, as `resource_type` does.", "kind"
        ),
        "words": Key(
            Section(
                {
                    "cpu": Key(_WORDS, "More words that tell computing.", ["simulate"]),
                    "io": Key(_WORDS, "More words that tell waiting.", ["telegram"]),
                    "memory": Key(_WORDS, "More words that tell memory.", ["matrix"]),
                }
            ),
            "Words of functions' names beside the built-in ones; one given here loses its built-in kind.",
            {"io": ["telegram"]},
        ),
    }
)

FLEET = Section(
    {
        "app": Key(
            Text(names.app_reference),
            "The Celery app, as module:attribute; may be left out where `tasks` lists every task.",
            "shop.celery:app",
        ),
        "broker": Key(
            _ADDRESS,
            "`embedded`, or an address: redis, rediss, valkey, amqp or amqps. Left out: the app's own, or embedded.",
            "${BROKER_URL:-embedded}",
        ),
        "results": Key(
            _ADDRESS,
            "Where results are kept: `embedded`, an address, `rpc://` or `none`. Left out: as for the broker.",
            "${RESULT_URL:-embedded}",
        ),
        "include": Key(
            ListOf(Text(_path)),
            "Other files whose tasks, queues, profiles and nodes belong to the fleet: fleet files, worker profiles, "
            "a Python module with WORKER_POOLS, Helm values. Relative paths start at this file's folder.",
            ["worker-profiles.yaml"],
        ),
        "default_queue": Key(_QUEUE, "Where tasks go that nothing else sends anywhere.", "general"),
        "route_by_resource": Key(
            _ROUTE_BY_RESOURCE,
            "Queues for tasks without an entry, by a hint in the call (`resource_type=`), else by the words of the "
            "function's name; tasks that neither tells of go to `default_queue`.",
            {"cpu": "cpu_data_analysis", "io": "io_api_calls"},
        ),
        "visibility_timeout": Key(
            _DURATION,
            "Redis and Valkey deliver a message again that was not acknowledged for this long (1h if left out).",
            "3h",
        ),
        "consumer_timeout": Key(
            _DURATION,
            "What RabbitMQ's own consumer_timeout is set to, so that limits are checked against it (30m if left out).",
            "3h",
        ),
        "dead_letters": Key(
            Section({"max_length": Key(Count(), "How many it holds (100,000 if left out).", 10_000)}),
            "The queue `allotment.dead`, in which messages are set aside. When it is full, nothing more is.",
            {"max_length": 10_000},
        ),
        "publish": Key(
            Section(
                {
                    "timeout": Key(
                        _DURATION, "How long sending a task may take, everything included (30s if left out).", "10s"
                    ),
                    "max_size": Key(
                        _MEMORY, "What a message may have, encoded and with its headers (16Mi if left out).", "1Mi"
                    ),
                }
            ),
            "How tasks are sent: a message is taken in this time, or whoever sends it gets an error.",
            {"timeout": "10s"},
        ),
        "settings": Key(
            MappingOf(names.setting_name, Anything()),
            "Other Celery settings for the app, by Celery's lower-case names.",
            {"worker_send_task_events": True},
        ),
        "tasks": Key(
            MappingOf(names.task_pattern, _TASK, empty=True),
            "Tasks and patterns. Exact names beat patterns, patterns are tried in order.",
            {"shop.video.*": {"queue": "cpu_video_processing"}},
        ),
        "queues": Key(
            MappingOf(names.queue_name, _QUEUE_ENTRY, empty=True),
            "Queues that need more said of them than their name.",
            {"cpu_video_processing": {"max_length": 50, "when_full": "reject"}},
        ),
        "profiles": Key(
            MappingOf(names.label, _PROFILE, empty=True),
            "Kinds of workers. A file needs some, of its own or included.",
            {"cpu": {"tasks": ["shop.video.*"], "queues": ["cpu_video_processing"]}},
        ),
        "nodes": Key(
            MappingOf(names.label, _NODE),
            "Machines. Left out: one node, `local`, that runs each profile once.",
            {"server-1": {"cpu": 16, "memory": "32Gi", "workers": {"cpu": 2}}},
        ),
    }
)


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of the fleet file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Allotment fleet file",
        "description": "Tasks, queues, worker profiles and nodes of one fleet of Celery workers.",
        **FLEET.schema(),
    }


def mounts(values: tuple[dict[str, Any], ...]) -> tuple[Mount, ...]:
    """Give the mounts of a `requires` section that has been read."""
    return tuple(Mount(**value) for value in values)


__all__ = ["FLEET", "Kind", "Rejected", "json_schema", "mounts"]
