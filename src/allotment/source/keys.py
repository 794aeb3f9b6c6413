"""Every key of the fleet file: one table, from which the file is checked and its JSON Schema is made."""

from typing import Any

from allotment.model import address, names, quantities
from allotment.model.preset import PRESETS
from allotment.model.profile import Pool
from allotment.model.queue import WhenFull
from allotment.model.requirements import Mount
from allotment.model.task import Delivery
from allotment.source.kinds import (
    Choice,
    Count,
    Flag,
    Key,
    Kind,
    ListOf,
    MappingOf,
    Quantity,
    Rejected,
    Section,
    Text,
)

_QUEUE = Text(names.queue_name, pattern="^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
_LABEL = Text(names.label, pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")
_TASKS = ListOf(Text(names.task_pattern))
_DURATION = Quantity(quantities.duration)
_MEMORY = Quantity(quantities.memory)
_CPU = Quantity(quantities.cpu)


def _preset(text: str) -> str:
    if text not in PRESETS:
        raise ValueError(f"{text!r} is not a preset: {', '.join(PRESETS)}")
    return text


def _path(text: str) -> str:
    if not text or "\0" in text or "\n" in text:
        raise ValueError(f"{text!r} is not a folder's path")
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

_TASK = Section(
    {
        "queue": Key(_QUEUE, "The queue the task is sent to unless a call says otherwise.", "cpu_video_processing"),
        "time_limit": Key(_DURATION, "The task is killed after this long.", "1h"),
        "soft_time_limit": Key(_DURATION, "SoftTimeLimitExceeded is raised in the task after this long.", "50m"),
        "delivery": Key(
            Choice(Delivery),
            "at-least-once: a task whose worker dies is run again, so it must be safe to repeat; "
            "at-most-once: it is not. Left out: as the app says, and Celery's default is at-most-once.",
            "at-least-once",
        ),
        "requires": Key(
            _REQUIRES, "What a worker's profile must require, so that it can run the task.", {"imports": ["av"]}
        ),
    }
)

_QUEUE_ENTRY = Section(
    {
        "exchange": Key(
            _QUEUE, "The direct exchange the queue is bound to (the queue's name if left out).", "cpu_tasks"
        ),
        "routing_key": Key(
            Text(names.queue_name), "The key it is bound with (the queue's name if left out).", "cpu.video"
        ),
        "max_length": Key(Count(), "The most messages that may wait. RabbitMQ only, as yet.", 50),
        "when_full": Key(
            Choice(WhenFull),
            "reject: the publisher gets an error (if left out); drop-oldest: the oldest message goes.",
            "reject",
        ),
    }
)

_PROFILE = Section(
    {
        "preset": Key(Text(_preset), "A built-in profile to start from; every key here overrides it.", "cpu"),
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
        "concurrency": Key(Count(), "Tasks at once; as many as the node has cores if left out.", 4),
        "prefetch": Key(Count(), "Messages taken ahead for each place in the pool (Celery's multiplier).", 1),
        "max_tasks_per_child": Key(Count(), "A pool process is replaced after so many tasks.", 100),
        "max_memory_per_child": Key(_MEMORY, "A pool process is replaced once it has grown to this size.", "512Mi"),
        "time_limit": Key(_DURATION, "Tasks without a limit of their own are killed after this long.", "1h"),
        "soft_time_limit": Key(_DURATION, "SoftTimeLimitExceeded is raised in them after this long.", "50m"),
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
    }
)

_NODE = Section(
    {
        "cpu": Key(_CPU, "The node's cores.", 16),
        "memory": Key(_MEMORY, "The node's memory.", "32Gi"),
        "labels": Key(ListOf(_LABEL), "Labels that profiles may require.", ["ssd"]),
        "mounts": Key(ListOf(Text(_path)), "What is mounted there; left out: not known.", ["/srv/media"]),
        "zone": Key(_LABEL, "Where the node stands.", "eu-1"),
        "workers": Key(
            MappingOf(names.label, Count(0)), "How many workers of which profile it runs.", {"cpu": 2}, required=True
        ),
    }
)

_ADDRESS = Text(address.address)

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
        "default_queue": Key(_QUEUE, "Where tasks go that nothing else sends anywhere.", "general"),
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
            "Kinds of workers.",
            {"cpu": {"tasks": ["shop.video.*"], "queues": ["cpu_video_processing"]}},
            required=True,
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
