"""Arguments are bound as Python binds them, each sent where the caller had it."""

import inspect
from dataclasses import make_dataclass
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allotment.contracts.arguments import Arguments
from allotment.errors import ArgumentsInvalid, ContractInvalid


def plain(left: int, right: int = 3) -> int: ...
def mixed(first: int, /, second: int, *rest: int, third: int, fourth: int = 4, **more: int) -> int: ...
def named(*, one: int, two: int = 2) -> int: ...
def nothing() -> None: ...


FUNCTIONS = [plain, mixed, named, nothing]
NAMES = ["left", "right", "first", "second", "third", "fourth", "one", "two", "x", "y"]


@given(
    st.sampled_from(FUNCTIONS),
    st.lists(st.integers(0, 9), max_size=4),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9), max_size=4),
)
def test_what_python_takes_is_sent_as_it_was_given_and_nothing_else(
    function: Any, args: list[int], kwargs: dict[str, int]
) -> None:
    arguments = Arguments("task", function)
    try:
        expected = inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        with pytest.raises(ArgumentsInvalid):
            arguments.encode(args, kwargs)
        with pytest.raises(ArgumentsInvalid):
            arguments.decode(args, kwargs)
        return
    for turned in (arguments.encode(args, kwargs), arguments.decode(args, kwargs)):
        assert turned == (args, kwargs)
        assert inspect.signature(function).bind(*turned[0], **turned[1]) == expected


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing a required argument: 'left'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"wrong": 1}, "unexpected keyword argument 'wrong'"),
        ((1,), {"left": 1}, "multiple values for argument 'left'"),
        (("1",), {}, "left: input should be a valid integer, not '1'"),
        ((1,), {"right": None}, "right: input should be a valid integer, not None"),
    ],
)
def test_the_error_names_the_fault_and_the_signature(args: tuple[Any, ...], kwargs: dict[str, Any], why: str) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        Arguments("sums.plain", plain).encode(args, kwargs)
    assert "sums.plain(left: int, right: int = …) -> int" in str(caught.value)
    assert why in str(caught.value)


def test_a_signature_may_leave_its_first_argument_to_the_task_before() -> None:
    arguments = Arguments("task", plain)
    assert arguments.encode_part((), {}) == ([], {})
    assert arguments.encode_part((1,), {}) == ([1], {})
    assert arguments.encode_part((), {"right": 2}) == ([], {"right": 2})
    for args, kwargs in ((("a",), {}), ((1, 2, 3), {}), ((), {"wrong": 1})):
        with pytest.raises(ArgumentsInvalid):
            arguments.encode_part(args, kwargs)


def test_what_a_signature_leaves_open_keeps_its_type_or_is_refused() -> None:
    def scale(price: float, times: int = 1) -> float: ...
    def either(first: date | int = 1, second: date | str = "") -> str: ...

    assert repr(Arguments("task", scale).encode_part((3,), {})) == "([3], {})"
    arguments = Arguments("task", either)
    assert arguments.encode_part((date(2026, 1, 1),), {}) == (["2026-01-01"], {})


def test_a_default_is_not_sent() -> None:
    assert Arguments("task", plain).encode((1,), {}) == ([1], {})


def test_every_parameter_and_the_result_must_have_a_type() -> None:
    def no_parameter(left, right: int) -> int: ...

    def no_result(left: int): ...

    def unknown(left: "Nowhere") -> int: ...  # noqa: F821 - the point

    for function, told in ((no_parameter, "'left'"), (no_result, "the result"), (unknown, "Nowhere")):
        with pytest.raises(ContractInvalid, match=told) as caught:
            Arguments("task", function)
        assert caught.value.hint


def test_the_digest_changes_with_what_matters_to_the_other_side_only() -> None:
    def same(left: int, right: int = 7) -> int: ...
    def renamed(left: int, other: int = 3) -> int: ...
    def retyped(left: int, right: float = 3) -> int: ...
    def required(left: int, right: int) -> int: ...
    def by_name(left: int, *, right: int = 3) -> int: ...
    def returning(left: int, right: int = 3) -> str: ...

    digest = Arguments("task", plain).shape.digest
    assert Arguments("task", same).shape.digest == digest
    others = [Arguments("task", one).shape.digest for one in (renamed, retyped, required, by_name, returning)]
    others.append(Arguments("other", plain).shape.digest)
    assert len({digest, *others}) == 7


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_shape_is_read_back_as_it_was_written(function: Any) -> None:
    shape = Arguments("task", function).shape
    again = type(shape).from_text(shape.text)
    assert (again, again.digest, str(again)) == (shape, shape.digest, str(shape))


def test_a_shape_is_told_as_python_writes_it() -> None:
    assert str(Arguments("task", mixed).shape) == (
        "task(first: int, /, second: int, *rest: int, third: int, fourth: int = …, **more: int) -> int"
    )
    assert str(Arguments("task", named).shape) == "task(*, one: int, two: int = …) -> int"


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '["a",[["b","c",true,{},"d"]],{},"e",{}]', "[" * 100_000])
def test_what_is_no_shape_is_an_error(text: str) -> None:
    shape = Arguments("task", plain).shape
    with pytest.raises(ValueError, match="not the shape of a contract"):
        type(shape).from_text(text)


def test_a_type_is_written_without_its_modules() -> None:
    def function(a: date | None, b: list[date], c: Literal["a.b"], d: dict[str, Any]) -> None: ...

    shape = Arguments("task", function).shape
    assert str(shape) == "task(a: date | None, b: list[date], c: Literal['a.b'], d: dict[str, Any]) -> None"


def test_a_contract_too_large_for_a_header_is_refused() -> None:
    fields = [(f"field_{number}", int) for number in range(4500)]
    huge = make_dataclass("Huge", fields)

    def function(value: Any) -> None: ...

    function.__annotations__["value"] = huge
    with pytest.raises(ContractInvalid, match="travel with each message"):
        Arguments("task", function)
