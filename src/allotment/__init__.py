"""Allotment: every Celery task meets a worker that can run it."""

TYPE_CHECKING = False
"""As `typing.TYPE_CHECKING`, which costs a third of the start of `allot --help` to import."""

if TYPE_CHECKING:
    from allotment.engine.fleet import Fleet
    from allotment.errors import (
        AllotmentError,
        HintUnknown,
        NobodyCanRun,
        PublishRefused,
        QueueDiffers,
        QueueUnknown,
        TaskUnknown,
        ZoneUnknown,
    )

__version__ = "0.1.0"

__all__ = [
    "AllotmentError",
    "Fleet",
    "HintUnknown",
    "NobodyCanRun",
    "PublishRefused",
    "QueueDiffers",
    "QueueUnknown",
    "TaskUnknown",
    "ZoneUnknown",
    "__version__",
]

_HOME = dict.fromkeys(__all__, "allotment.errors") | {"Fleet": "allotment.engine.fleet"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import allotment` alone imports no Celery."""
    if name not in _HOME:
        raise AttributeError(f"module 'allotment' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - imported late for the same reason

    return getattr(importlib.import_module(_HOME[name]), name)
