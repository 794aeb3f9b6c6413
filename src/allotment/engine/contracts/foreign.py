"""Contracts that another fleet runs: where a program with a fleet of its own sends them."""

from collections.abc import Mapping
from typing import Any

from kombu import Queue

from allotment.contracts.registry import defined
from allotment.engine.contracts.task import HEADER, WHERE


def contract_queue(task: str) -> str | None:
    """Give the queue of the contract of this name; None where none was imported."""
    contract = defined().get(task)
    return None if contract is None else contract.queue


def foreign_options(task: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the options of a call of a contract that the fleet does not have, with its queue; None for any other call.

    The queue is the one that the call names, else the contract's.
    """
    name = contract_queue(task)
    if name is None or HEADER not in (options.get("headers") or {}):
        return None
    named = options.get("queue")
    if named is None and any(options.get(key) for key in WHERE):
        return dict(options)
    if named is None or isinstance(named, str):
        named = Queue(named or name, routing_key=named or name, durable=True)
    return {**options, "queue": named}
