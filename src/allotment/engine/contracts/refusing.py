"""A worker that would have a contract without its code does not start."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from celery import Celery
from celery.signals import worker_init

from allotment.contracts.contract import Contract, unimplemented
from allotment.contracts.registry import defined
from allotment.engine.contracts.task import ContractTask
from allotment.errors import ContractUnimplemented, ExitCode
from allotment.model.inventory import Placeholder
from allotment.model.profile import Profile


def check_implemented(app: Celery, consumed: Iterable[str]) -> None:
    """See that a worker has the code of each contract it registers and of each whose queue it consumes.

    Raises ContractUnimplemented, which names what to bind.
    """
    lacking = next(_lacking(app, frozenset(consumed)), None)
    if lacking is not None:
        raise unimplemented(lacking)


def _lacking(app: Celery, consumed: frozenset[str]) -> Iterator[Contract[..., Any]]:
    tasks = dict.copy(app.tasks)
    for task in tasks.values():
        if isinstance(task, ContractTask) and task.implementation is None:
            yield task.contract
    for name, contract in defined().items():
        if contract.queue in consumed and name not in tasks:
            yield contract


def placeholders(app: Celery) -> dict[str, Placeholder]:
    """Give the contracts that were imported or registered without their code."""
    found = {}
    for contract in _lacking(app, frozenset(contract.queue for contract in defined().values())):
        error = unimplemented(contract)
        found[contract.name] = Placeholder(contract.queue, error.message, error.hint or "")
    return found


def check_profile(profile: Profile, lacking: Mapping[str, Placeholder]) -> None:
    """See that a profile includes no contract without its code: by its name, or by the contract's queue.

    Raises ContractUnimplemented, which names what to bind.
    """
    for name, placeholder in lacking.items():
        if placeholder.included_by(profile, name):
            raise ContractUnimplemented(
                f"the profile {profile.name!r} includes the task {name!r}, but {placeholder.message}",
                hint=placeholder.hint,
            )


def _refuse(sender: Any, **_: Any) -> None:
    """Stop a worker of plain Celery; an exception that is no SystemExit would only be logged."""
    fleet = hasattr(sender.app, "allotment")  # whose workers are checked by their profile, and share queues for others
    try:
        check_implemented(sender.app, () if fleet else sender.app.amqp.queues.consume_from)
    except ContractUnimplemented as error:
        sys.stderr.write(f"error: {error.message}\n  help: {error.hint}\n")
        raise SystemExit(ExitCode.BAD_INPUT) from None
    for contract in () if fleet else _unheard(sender.app):
        sys.stderr.write(
            f"warning: this worker has the code of {contract.name!r}, and does not consume its queue: "
            f"calls wait there for another one\n  help: add -Q {contract.queue}\n"
        )


def _unheard(app: Celery) -> Iterator[Contract[..., Any]]:
    """Give the contracts with code whose queue a worker of plain Celery does not consume."""
    consumed = frozenset(app.amqp.queues.consume_from)
    for task in dict.copy(app.tasks).values():
        if isinstance(task, ContractTask) and task.contract.queue not in consumed:
            yield task.contract


def watch_workers() -> None:
    """Have every worker of this process checked when it starts."""
    worker_init.connect(_refuse, dispatch_uid="allotment.contracts")
