"""Profiles that come with Allotment: sensible figures for kinds of work that most fleets have."""

from collections.abc import Mapping
from types import MappingProxyType

from allotment.model.profile import Autoscale, Pool, Profile
from allotment.model.queue import Queue

_HOUR = 3600.0
_MINUTE = 60.0

PRESETS: Mapping[str, Profile] = MappingProxyType(
    {
        "cpu": Profile(
            name="cpu",
            preset="cpu",
            queues=("cpu_ml_training", "cpu_video_processing", "cpu_data_analysis"),
            prefetch=1,
            max_tasks_per_child=100,
            time_limit=_HOUR,
            soft_time_limit=50 * _MINUTE,
            autoscale=Autoscale(2, 8),
        ),
        "io": Profile(
            name="io",
            preset="io",
            queues=("io_api_calls", "io_file_operations", "io_email_sending"),
            pool=Pool.IO,
            concurrency=50,
            prefetch=10,
            max_tasks_per_child=1000,
            time_limit=5 * _MINUTE,
            soft_time_limit=4 * _MINUTE,
            autoscale=Autoscale(20, 100),
        ),
        "memory": Profile(
            name="memory",
            preset="memory",
            queues=("memory_aggregations", "memory_large_imports"),
            concurrency=2,
            prefetch=1,
            max_tasks_per_child=50,
            time_limit=2 * _HOUR,
            soft_time_limit=110 * _MINUTE,
            autoscale=Autoscale(1, 4),
        ),
        "general": Profile(
            name="general",
            preset="general",
            queues=("general_background", "general_scheduled"),
            concurrency=10,
            prefetch=4,
            max_tasks_per_child=500,
            time_limit=10 * _MINUTE,
            soft_time_limit=9 * _MINUTE,
        ),
        "mixed": Profile(
            name="mixed",
            preset="mixed",
            queues=(),
            prefetch=2,
            max_tasks_per_child=200,
            time_limit=30 * _MINUTE,
            soft_time_limit=25 * _MINUTE,
            autoscale=Autoscale(2, 8),
        ),
    }
)

PRESET_QUEUES: Mapping[str, Queue] = MappingProxyType(
    {
        queue.name: queue
        for queue in (
            Queue("cpu_ml_training", "cpu_tasks", "cpu.ml", 100),
            Queue("cpu_video_processing", "cpu_tasks", "cpu.video", 50),
            Queue("cpu_data_analysis", "cpu_tasks", "cpu.analysis", 200),
            Queue("io_api_calls", "io_tasks", "io.api", 10_000),
            Queue("io_file_operations", "io_tasks", "io.file", 5_000),
            Queue("io_email_sending", "io_tasks", "io.email", 10_000),
            Queue("memory_aggregations", "memory_tasks", "memory.aggregate", 100),
            Queue("memory_large_imports", "memory_tasks", "memory.import", 50),
            Queue("general_background", "general_tasks", "general.background"),
            Queue("general_scheduled", "general_tasks", "general.scheduled"),
        )
    }
)
