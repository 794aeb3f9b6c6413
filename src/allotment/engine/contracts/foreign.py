"""Contracts that another fleet runs: where a program with a fleet of its own sends them."""

from collections.abc import Mapping
from typing import Any

from kombu import Queue

from allotment.contracts.registry import defined
from allotment.engine.contracts.task import HEADER


def contract_queue(task: str) -> str | None:
    """Give the queue of the contract of this name; None where none was imported."""
    contract = defined().get(task)
    return None if contract is None else contract.queue


def foreign_queue(task: str, options: Mapping[str, Any]) -> Queue | None:
    """Give the queue of a call of a contract, for a fleet that does not have the task; None for any other call."""
    if HEADER not in (options.get("headers") or {}):
        return None
    name = contract_queue(task)
    return None if name is None else Queue(name, routing_key=name, durable=True)
