"""The arguments of a contract: bound to its parameters, checked, and turned into JSON and back."""

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter as PythonParameter
from typing import Any

from allotment.contracts.describing import is_exact, schemas
from allotment.contracts.shape import Parameter, ParameterKind, Shape
from allotment.contracts.values import ValueRefused, ValueType, written
from allotment.errors import ArgumentsInvalid, ContractInvalid, ResultInvalid

_KINDS = {
    PythonParameter.POSITIONAL_ONLY: ParameterKind.POSITIONAL_ONLY,
    PythonParameter.POSITIONAL_OR_KEYWORD: ParameterKind.POSITIONAL_OR_KEYWORD,
    PythonParameter.VAR_POSITIONAL: ParameterKind.VAR_POSITIONAL,
    PythonParameter.KEYWORD_ONLY: ParameterKind.KEYWORD_ONLY,
    PythonParameter.VAR_KEYWORD: ParameterKind.VAR_KEYWORD,
}
_POSITIONAL = (PythonParameter.POSITIONAL_ONLY, PythonParameter.POSITIONAL_OR_KEYWORD)
_RESULT = "return"

MOST_TEXT = 65536
"""Characters of a shape: it travels in a header, and RabbitMQ drops the message, and the channel, where that is over
the size of a frame (128 KiB; `frame_max`)."""

Encoded = tuple[list[Any], dict[str, Any]]


class Arguments:
    """The parameters and the result of one contract, with what turns their values into JSON and back.

    Raises ContractInvalid where a type is not said or cannot travel.
    """

    def __init__(self, name: str, function: Callable[..., Any], *, method: bool = False) -> None:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())[1 if method else 0 :]
        hints = _hints(name, function)
        self.hints = {key: hints.get(key) for key in (*(one.name for one in parameters), _RESULT)}
        self.method = method
        self.signature = inspect.Signature(parameters)
        for needed in (*(parameter.name for parameter in parameters), _RESULT):
            if needed not in hints:
                raise _untyped(name, needed)
        self._types = {one: ValueType(hints[one], _where(name, one)) for one in (*self.signature.parameters, _RESULT)}
        self.shape = _shape(name, parameters, hints, self._types)
        if len(self.shape.text) > MOST_TEXT:
            raise _too_large(name, len(self.shape.text))
        self._result = self._types[_RESULT]
        positional = [one for one in parameters if one.kind in _POSITIONAL]
        self._in_order = tuple(self._types[one.name] for one in positional)
        self._plain = len(positional) == len(parameters)
        self._least = sum(one.default is PythonParameter.empty for one in positional)
        self._typed = {one.name: (self._types[one.name], one.kind) for one in parameters}

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Encoded:
        """Check arguments and give them as JSON's own types, each where it was. Raises ArgumentsInvalid."""
        return self._turned(args, kwargs, ValueType.encode)

    def decode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Encoded:
        """Check arguments that were received and give what they stand for. Raises ArgumentsInvalid."""
        return self._turned(args, kwargs, ValueType.decode)

    def encode_part(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Encoded:
        """Do as `encode` for a signature that may lack its first argument: the result of the task before it.

        Raises ArgumentsInvalid also where the arguments fit with it and without it, and would be written otherwise.
        """
        after = self._encode_after(args, kwargs) if self._typed else None
        try:
            whole = self.encode(args, kwargs)
        except ArgumentsInvalid:
            if after is None:
                raise
            return after
        if after is not None and repr(after) != repr(whole):
            raise self._refused("they fit with a first argument from the task before and without: give them by name")
        return whole

    def _encode_after(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Encoded | None:
        try:
            turned = self._bound((_Before, *args), kwargs, ValueType.encode)
        except ArgumentsInvalid:
            return None
        return turned[0][1:], turned[1]

    def encode_result(self, value: Any) -> Any:
        """Check a result and give it as JSON's own types. Raises ResultInvalid."""
        try:
            return self._result.encode(value)
        except ValueRefused as error:
            raise ResultInvalid(f"{self.shape} returned something else: {error}") from None

    def decode_result(self, value: Any) -> Any:
        """Give what a received result stands for. Raises ResultInvalid."""
        try:
            return self._result.decode(value)
        except ValueRefused as error:
            raise ResultInvalid(
                f"the result is not what {self.shape} promises: {error}",
                hint="do the producer and the worker have the same version of the contract? `allot contracts diff`",
            ) from None

    def _turned(self, args: Sequence[Any], kwargs: Mapping[str, Any], turn: Callable[[ValueType, Any], Any]) -> Encoded:
        if self._plain and not kwargs and self._least <= len(args) <= len(self._in_order):
            try:
                return [turn(its, value) for its, value in zip(self._in_order, args, strict=False)], {}
            except ValueRefused:
                pass  # told below, with the parameter's name
        return self._bound(args, kwargs, turn)

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any], turn: Callable[[ValueType, Any], Any]) -> Encoded:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise self._refused(str(error)) from None
        turned: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            its, kind = self._typed[name]
            if kind is PythonParameter.VAR_POSITIONAL:
                turned[name] = tuple(self._one(name, its, one, turn) for one in value)
            elif kind is PythonParameter.VAR_KEYWORD:
                turned[name] = {key: self._one(key, its, one, turn) for key, one in value.items()}
            else:
                turned[name] = self._one(name, its, value, turn)
        return self._as_given(turned, kwargs)

    def _as_given(self, turned: Mapping[str, Any], kwargs: Mapping[str, Any]) -> Encoded:
        """Put each value where the caller had it: in order, or by its name."""
        in_order: list[Any] = []
        by_name: dict[str, Any] = {}
        for name, value in turned.items():
            kind = self._typed[name][1]
            if kind is PythonParameter.VAR_POSITIONAL:
                in_order.extend(value)
            elif kind is PythonParameter.VAR_KEYWORD:
                by_name.update(value)
            elif kind is PythonParameter.POSITIONAL_ONLY or name not in kwargs:
                in_order.append(value)
            else:
                by_name[name] = value
        return in_order, by_name

    def _one(self, name: str, its: ValueType, value: Any, turn: Callable[[ValueType, Any], Any]) -> Any:
        if value is _Before:
            return value
        try:
            return turn(its, value)
        except ValueRefused as error:
            raise self._refused(f"{name}: {error}") from None

    def _refused(self, why: str) -> ArgumentsInvalid:
        return ArgumentsInvalid(f"the arguments do not fit {self.shape}: {why}")


class _Before:
    """Stands for the result of the task before, which is not known yet."""


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ContractInvalid(
            f"the contract {name!r} names a type that is not there yet: {error}",
            hint="define the types before the contract, and import them at run time, not under TYPE_CHECKING",
        ) from None


def _where(contract: str, parameter: str) -> str:
    what = "the result" if parameter == _RESULT else f"the parameter {parameter!r}"
    return f"{what} of the contract {contract!r}"


def _untyped(contract: str, parameter: str) -> ContractInvalid:
    return ContractInvalid(
        f"{_where(contract, parameter)} has no type",
        hint="annotate it; typing.Any takes whatever JSON can carry"
        if parameter != _RESULT
        else "annotate it: `-> None` where there is none",
    )


def _too_large(contract: str, length: int) -> ContractInvalid:
    return ContractInvalid(
        f"the types of the contract {contract!r} take {length} characters, and travel with each message: "
        f"at most {MOST_TEXT} do",
        hint="take a plain dict of typing.Any for the part that has hundreds of fields, and check that on its own",
    )


def _shape(
    name: str, parameters: Iterable[PythonParameter], hints: Mapping[str, Any], types: Mapping[str, ValueType]
) -> Shape:
    found, definitions = schemas(types)
    for key, schema in found.items():
        if is_exact(schema):
            types[key].be_exact()
    stars = (PythonParameter.VAR_POSITIONAL, PythonParameter.VAR_KEYWORD)
    described = tuple(
        Parameter(
            one.name,
            _KINDS[one.kind],
            one.default is PythonParameter.empty and one.kind not in stars,
            found[one.name],
            written(hints[one.name]),
        )
        for one in parameters
    )
    return Shape(name, described, found[_RESULT], written(hints[_RESULT]), definitions)
