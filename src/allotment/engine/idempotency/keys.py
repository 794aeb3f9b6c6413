"""What tells the calls of a task apart: a digest of the values that its key names."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from inspect import BoundArguments, Parameter, Signature
from typing import Any

from kombu.utils import json as kombu_json

from allotment.contracts.arguments import Arguments
from allotment.errors import ArgumentsInvalid, IdempotencyUnusable
from allotment.model.idempotency import Idempotency

PREFIX = "allotment:idempotent:"
"""What the names of all keys begin with at the store."""


def signature_of(task: Any) -> Signature:
    """Give what a task takes: the parameters of its contract if it has one, else of its function."""
    contract = getattr(task, "contract", None)
    return contract.arguments.signature if contract is not None else inspect.signature(task.run)


def parameters_of(task: Any) -> tuple[str, ...] | None:
    """Give the names by which a task takes arguments; None where it takes any name, or does not tell."""
    try:
        parameters = signature_of(task).parameters
    except (TypeError, ValueError):  # of a callable that is no function of Python's
        return None
    return None if _any_name(parameters.values()) else tuple(parameters)


def _any_name(parameters: Any) -> str | None:
    return next((one.name for one in parameters if one.kind is Parameter.VAR_KEYWORD), None)


class CallKey:
    """Gives the key of each call of one task: calls of one key are the same call.

    The name of the app and of the task belong to the key, so several fleets can share a store.
    """

    def __init__(self, task: Any, said: Idempotency) -> None:
        self._name = [task.app.main, task.name]
        self._parameters = said.parameters
        if not said.parameters:
            return
        self._signature = signature_of(task)
        self._rest = _any_name(self._signature.parameters.values())
        contract = getattr(task, "contract", None)
        self._bind: Callable[[Sequence[Any], Mapping[str, Any]], BoundArguments] = (
            self._bound if contract is None else _Agreed(contract.arguments).bound
        )

    def of(self, identity: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        """Give the key of a call with this task id, as the store knows it; None where the arguments do not fit.

        Where all the values named are None, the call has no key of its own, and its id counts. Raises
        IdempotencyUnusable for a value that JSON cannot carry.
        """
        if not self._parameters:
            return self._digest(identity)
        try:
            values = self._values(args, kwargs)
        except (TypeError, ArgumentsInvalid):
            return None
        return self._digest(identity if all(value is None for value in values.values()) else values)

    def _values(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        given = self._bind(args, kwargs).arguments
        others = given.get(self._rest, {}) if self._rest else {}
        return {name: given[name] if name in given else others.get(name) for name in self._parameters}

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> BoundArguments:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound

    def _digest(self, found: Any) -> str:
        try:
            text = canonical([*self._name, found])
        except (TypeError, ValueError) as error:
            raise IdempotencyUnusable(
                f"the call of {self._name[1]!r} was not run: {_named(self._parameters)} cannot be its key: {error}",
                hint="name parameters whose values are text, numbers, or lists and mappings of these",
            ) from None
        return PREFIX + sha256(text.encode()).hexdigest()


class _Agreed:
    """Binds the arguments of a contract, so that what means the same is written in the same way."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments

    def bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> BoundArguments:
        """Bind what was received to the parameters, each value as the contract writes it. Raises ArgumentsInvalid."""
        arguments = self._arguments
        in_order, by_name = arguments.decode(args, kwargs)
        bound = arguments.signature.bind(*in_order, **by_name)
        bound.apply_defaults()
        try:
            in_order, by_name = arguments.encode(bound.args, bound.kwargs)
        except ArgumentsInvalid:  # a default that is not of its own type
            in_order, by_name = arguments.encode(in_order, by_name)
        bound = arguments.signature.bind(*in_order, **by_name)
        bound.apply_defaults()
        return bound


def canonical(value: Any) -> str:
    """Write a value as JSON in one way alone: names sorted, no spaces, a whole number without a point.

    What Celery's own JSON can carry is taken: dates, decimals and UUIDs too. Raises TypeError and ValueError.
    """
    return str(kombu_json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {_name(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _name(key: Any) -> str:
    """Give the name of a mapping's key; one that is no text, as other serializers than JSON have them, as JSON."""
    return key if isinstance(key, str) else json.dumps(_plain(key))


def _named(parameters: Sequence[str]) -> str:
    names = " and ".join(repr(name) for name in parameters)
    return f"the value of {names}" if len(parameters) == 1 else f"the values of {names}"
