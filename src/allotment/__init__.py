"""Allotment: every Celery task meets a worker that can run it."""

TYPE_CHECKING = False
"""As `typing.TYPE_CHECKING`, which costs a third of the start of `allot --help` to import."""

if TYPE_CHECKING:
    from allotment.backends.protocol import TaskBackend
    from allotment.backends.task import RegisteredTask
    from allotment.backends.worker import TaskBackendWorker, task_filter
    from allotment.contracts.contract import Contract, contract
    from allotment.contracts.implementing import Implementation, implements
    from allotment.contracts.result import TypedResult
    from allotment.contracts.task_contract import TaskContract
    from allotment.engine.backend import CeleryBackend
    from allotment.engine.contracts.workers import create_worker_from
    from allotment.engine.fleet import Fleet
    from allotment.errors import (
        AllotmentError,
        ArgumentsInvalid,
        BrokerBlocked,
        BrokerUnreachable,
        ContractDiffers,
        ContractInvalid,
        ContractUnimplemented,
        HintUnknown,
        ImplementationDiffers,
        MessageTooLarge,
        MessageUnroutable,
        NobodyCanRun,
        PublishFailed,
        PublishRefused,
        PublishUnconfirmed,
        QueueDiffers,
        QueueFull,
        QueueUnknown,
        ResultInvalid,
        SelectionInvalid,
        TaskUnknown,
        UnknownName,
        ZoneUnknown,
    )

__version__ = "0.1.0"

__all__ = [
    "AllotmentError",
    "ArgumentsInvalid",
    "BrokerBlocked",
    "BrokerUnreachable",
    "CeleryBackend",
    "Contract",
    "ContractDiffers",
    "ContractInvalid",
    "ContractUnimplemented",
    "Fleet",
    "HintUnknown",
    "Implementation",
    "ImplementationDiffers",
    "MessageTooLarge",
    "MessageUnroutable",
    "NobodyCanRun",
    "PublishFailed",
    "PublishRefused",
    "PublishUnconfirmed",
    "QueueDiffers",
    "QueueFull",
    "QueueUnknown",
    "RegisteredTask",
    "ResultInvalid",
    "SelectionInvalid",
    "TaskBackend",
    "TaskBackendWorker",
    "TaskContract",
    "TaskUnknown",
    "TypedResult",
    "UnknownName",
    "ZoneUnknown",
    "__version__",
    "contract",
    "create_worker_from",
    "implements",
    "task_filter",
]

_CONTRACTS = ("Contract", "Implementation", "TaskContract", "TypedResult", "contract", "implements")
_BACKENDS = ("TaskBackendWorker", "task_filter")
_HOME = (
    dict.fromkeys(__all__, "allotment.errors")
    | dict.fromkeys(_CONTRACTS, "allotment.contracts")
    | dict.fromkeys(_BACKENDS, "allotment.backends.worker")
    | {
        "CeleryBackend": "allotment.engine.backend",
        "Fleet": "allotment.engine.fleet",
        "RegisteredTask": "allotment.backends.task",
        "TaskBackend": "allotment.backends.protocol",
        "create_worker_from": "allotment.engine.contracts.workers",
    }
)
"""The module that has each public name."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import allotment` alone imports no Celery."""
    if name not in _HOME:
        raise AttributeError(f"module 'allotment' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - imported late for the same reason

    return getattr(importlib.import_module(_HOME[name]), name)
