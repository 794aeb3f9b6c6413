"""The key of a call: which calls are the same one, and which are not."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from allotment import contract, implements
from allotment.engine.idempotency.keys import CallKey, canonical, parameters_of
from allotment.errors import IdempotencyUnusable
from allotment.model.idempotency import Idempotency

Tasks = dict[str, Any]


@pytest.fixture(scope="module")
def tasks() -> Iterator[Tasks]:
    app = Celery("till", set_as_current=False)

    @app.task(name="plain")
    def plain(order, amount=1, *, note=None):
        raise NotImplementedError

    @app.task(name="bound", bind=True, autoretry_for=(OSError,))
    def bound(self, order, amount=1, *, note=None):
        raise NotImplementedError

    @app.task(name="any")
    def takes_any(*orders, **others):
        raise NotImplementedError

    @app.task(name="optional")
    def optional(order, token=None, other=None):
        raise NotImplementedError

    @contract(name="agreed", queue="till")
    def agreed(when: datetime, amount: Decimal = Decimal("1.50")) -> None:
        """Be agreed on."""

    @implements(agreed, app=app)
    def charge(when: datetime, amount: Decimal = Decimal("1.50")) -> None:
        raise NotImplementedError

    yield {name: app.tasks[name] for name in ("plain", "bound", "any", "optional", "agreed")}
    app.close()


@pytest.fixture
def key(tasks: Tasks) -> Callable[..., str | None]:
    """Give a function that gives the key of a call, by the parameters named."""

    def found(task: str, names: tuple[str, ...], *args: Any, identity: str = "one", **kwargs: Any) -> str | None:
        return CallKey(tasks[task], Idempotency(names)).of(identity, args, kwargs)

    return found


@pytest.mark.parametrize("task", ["plain", "bound"])
def test_how_an_argument_is_given_makes_no_difference(key, task: str) -> None:
    by = "order", "amount"
    same = {key(task, by, 7), key(task, by, order=7), key(task, by, 7, 1), key(task, by, 7, amount=1, note="x")}
    assert len(same) == 1
    assert key(task, by, 7, 2) not in same


def test_what_is_not_named_makes_no_difference(key) -> None:
    assert key("plain", ("order",), 7, 1, note="a") == key("plain", ("order",), 7, 2, identity="two")
    assert key("plain", ("order",), 7) != key("plain", ("order",), 8)


def test_a_key_says_which_parameter_and_which_task_it_is_of(key) -> None:
    keys = {
        key("plain", ("order",), 1, 1),
        key("plain", ("amount",), 1, 1),
        key("plain", ("order", "amount"), 1, 1),
        key("plain", (), 1, 1, identity="1"),
        key("bound", ("order",), 1, 1),
    }
    assert len(keys) == 5


def test_two_apps_at_one_store_have_keys_of_their_own() -> None:
    def charge(order: int) -> None:
        raise NotImplementedError

    found = set()
    for name in ("till", "shop"):
        app = Celery(name, set_as_current=False)
        task = app.task(charge, name="charge")
        found.add(CallKey(task, Idempotency(("order",))).of("one", [1], {}))
        app.close()
    assert len(found) == 2


def test_without_names_the_id_counts_alone(key) -> None:
    assert key("plain", (), 1) == key("plain", (), 2)
    assert key("plain", (), 1) != key("plain", (), 1, identity="two")


def test_a_call_that_leaves_every_value_empty_is_told_by_its_id(key) -> None:
    by = "token", "other"
    assert key("optional", by, 1) == key("optional", by, 1, None)
    assert key("optional", by, 1) != key("optional", by, 1, identity="two")
    assert key("optional", by, 1, "t") == key("optional", by, 1, "t", identity="two")


def test_arguments_that_do_not_fit_have_no_key(key) -> None:
    assert key("plain", ("order",)) is None
    assert key("plain", ("order",), 1, 2, 3) is None
    assert key("plain", ("order",), 1, order=2) is None
    assert key("agreed", ("when",), "not a date") is None


def test_a_task_that_takes_any_name_may_be_told_by_any(key, tasks: Tasks) -> None:
    assert parameters_of(tasks["any"]) is None
    assert key("any", ("order",), order=1) == key("any", ("order",), 5, order=1, more=2)
    assert key("any", ("order",), order=1) != key("any", ("order",), order=2)
    assert key("any", ("orders",), 1, 2) == key("any", ("orders",), 1, 2, more=3)
    assert key("any", ("orders",), 1, 2) != key("any", ("orders",), 2, 1)


def test_parameters_are_those_that_a_caller_gives(tasks: Tasks) -> None:
    assert parameters_of(tasks["plain"]) == ("order", "amount", "note")
    assert parameters_of(tasks["bound"]) == ("order", "amount", "note")
    assert parameters_of(tasks["agreed"]) == ("when", "amount")


def test_values_of_a_contract_are_the_same_however_they_are_written(key) -> None:
    by = "when", "amount"
    noon = "2026-05-01T12:00:00Z"
    same = {key("agreed", by, noon), key("agreed", by, noon, "1.50"), key("agreed", by, "2026-05-01T12:00:00+00:00")}
    assert len(same) == 1
    assert key("agreed", by, noon, "1.51") not in same


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), float("inf")])
def test_a_value_that_is_no_json_cannot_be_a_key(key, value: object) -> None:
    with pytest.raises(IdempotencyUnusable) as caught:
        key("plain", ("order",), value)
    assert "'plain'" in caught.value.message
    assert "'order'" in caught.value.message


def test_what_celery_s_json_carries_can_be_a_key(key) -> None:
    values = [datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), Decimal("1.5"), UUID(int=7), b"\xff", "7", 7, 7.5]
    assert len({key("plain", ("order",), value) for value in values}) == len(values)


def test_numbers_that_are_equal_are_one_and_truth_is_no_number() -> None:
    assert canonical([1.0, {"a": 2.0}]) == canonical([1, {"a": 2}])
    assert len({canonical(value) for value in (1, True, "1", None, [1], {"1": 1})}) == 6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def turned(value: Any) -> Any:
    """Give an equal value with the entries of each mapping the other way round."""
    if isinstance(value, dict):
        return {name: turned(inner) for name, inner in reversed(value.items())}
    return [turned(inner) for inner in value] if isinstance(value, list) else value


@given(JSON)
def test_the_order_of_names_makes_no_difference(value: Any) -> None:
    assert canonical(value) == canonical(turned(value))


@given(JSON, JSON)
def test_values_that_differ_are_written_otherwise(left: Any, right: Any) -> None:
    def told(value: Any) -> Any:
        """Tell truth from numbers, which Python does not."""
        if isinstance(value, dict):
            return {name: told(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [told(inner) for inner in value]
        return (value,) if isinstance(value, bool) else value

    assert (canonical(left) == canonical(right)) == (told(left) == told(right))
