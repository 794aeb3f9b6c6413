"""Values arrive as what they were, or are refused before they are sent."""

import enum
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, PlainSerializer, PrivateAttr, SecretStr
from typing_extensions import TypedDict  # pydantic takes no other one before Python 3.12

from allotment.contracts.arguments import Arguments
from allotment.contracts.arriving import difference
from allotment.errors import ArgumentsInvalid, ContractInvalid, ResultInvalid


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Weight(enum.IntEnum):
    LIGHT = 1
    HEAVY = 2


@dataclass(frozen=True)
class Line:
    item: str
    price: Decimal
    color: Color = Color.RED


class Tupled(enum.Enum):
    PAIR = (1, 2)


@dataclass(frozen=True)
class Gift(Line):
    note: str = ""


@dataclass
class Reading:
    celsius: float


@dataclass
class Order:
    id: uuid.UUID
    on: date
    lines: list[Line] = field(default_factory=list)
    raw: bytes = b""


class Address(BaseModel):
    street: str
    since: datetime | None = None
    tags: set[str] = set()


class Size(TypedDict):
    width: int
    height: int


class Point(NamedTuple):
    x: int
    y: float


texts = st.text(st.characters(codec="utf-8"))
moments = st.datetimes(timezones=st.just(UTC))
decimals = st.decimals(allow_nan=False, allow_infinity=False)
lines = st.builds(Line, item=texts, price=decimals, color=st.sampled_from(Color))
VALUES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False)),
    (str, texts),
    (bool, st.booleans()),
    (None, st.none()),
    (bytes, st.binary()),
    (date, st.dates()),
    (datetime, moments),
    (datetime, st.datetimes()),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(days=-9999), timedelta(days=9999))),
    (uuid.UUID, st.uuids()),
    (Decimal, decimals),
    (Color, st.sampled_from(Color)),
    (Weight, st.sampled_from(Weight)),
    (Literal["a", 1], st.sampled_from(["a", 1])),
    (int | None, st.none() | st.integers()),
    (list[date], st.lists(st.dates())),
    (set[int], st.sets(st.integers())),
    (frozenset[str], st.frozensets(texts)),
    (tuple[int, str], st.tuples(st.integers(), texts)),
    (tuple[Decimal, ...], st.lists(decimals).map(tuple)),
    (dict[str, Decimal], st.dictionaries(texts, decimals)),
    (dict[int, bytes], st.dictionaries(st.integers(), st.binary())),
    (dict[date, Color], st.dictionaries(st.dates(), st.sampled_from(Color))),
    (Line, lines),
    (Order, st.builds(Order, id=st.uuids(), on=st.dates(), lines=st.lists(lines), raw=st.binary())),
    (Address, st.builds(Address, street=texts, since=st.none() | moments, tags=st.sets(texts))),
    (Size, st.fixed_dictionaries({"width": st.integers(), "height": st.integers()})),
    (Point, st.builds(Point, st.integers(), st.floats(allow_nan=False))),
    (Annotated[int, Field(ge=0)], st.integers(min_value=0)),
    (dict[str, list[Line | None]], st.dictionaries(texts, st.lists(st.none() | lines))),
    (int | str, st.integers() | texts),
]


def taking(hint: Any) -> Arguments:
    """Give the arguments of a contract with one parameter of this type, and the same result."""

    def function(value: Any) -> Any: ...

    function.__annotations__ = {"value": hint, "return": hint}
    return Arguments("task", function)


@pytest.mark.parametrize(("hint", "values"), VALUES, ids=lambda one: getattr(one, "__name__", str(one))[:40])
def test_a_value_arrives_as_it_was_sent(hint: Any, values: st.SearchStrategy[Any]) -> None:
    arguments = taking(hint)

    @given(values)
    def check(value: Any) -> None:
        in_order, by_name = arguments.encode((value,), {})
        received = json.loads(json.dumps([in_order, by_name]))
        (arrived,), nothing = arguments.decode(*received)
        assert (arrived, nothing) == (value, {})
        assert type(arrived) is type(value)
        result = arguments.decode_result(json.loads(json.dumps(arguments.encode_result(value))))
        assert (result, type(result)) == (value, type(value))

    check()


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, "1"),
        (int, 1.0),
        (int, True),
        (str, 1),
        (str, b"a"),
        (bool, 1),
        (float, "1.5"),
        (date, "2026-01-01"),
        (datetime, date(2026, 1, 1)),
        (uuid.UUID, "c0ffee00-0000-4000-8000-000000000000"),
        (Decimal, 1.5),
        (Color, "red"),
        (Line, {"item": "a", "price": "1"}),
        (Address, {"street": "a"}),
        (list[int], (1, 2)),
        (tuple[int, int], [1, 2]),
        (tuple[int, int], (1, 2, 3)),
        (set[int], [1]),
        (list[int], ["1"]),
        (dict[str, int], {"a": "1"}),
        (dict[int, str], {"1": "a"}),
        (int | None, "x"),
        (Annotated[int, Field(ge=0)], -1),
        (Literal["a"], "b"),
        (None, 0),
        (Size, {"width": 1}),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_signature(hint: Any, value: Any) -> None:
    arguments = taking(hint)
    with pytest.raises(ArgumentsInvalid) as caught:
        arguments.encode((value,), {})
    assert str(arguments.shape) in str(caught.value)
    assert "value: " in str(caught.value)
    with pytest.raises(ResultInvalid):
        arguments.encode_result(value)


class Login(BaseModel):
    user: str
    password: SecretStr


class Remembers(BaseModel):
    name: str
    _times: int = PrivateAttr(0)


@dataclass
class Holds:
    what: Any


@dataclass
class Job:
    size: int
    scale: InitVar[int] = 1
    area: int = field(init=False, compare=False)

    def __post_init__(self, scale: int) -> None:
        self.area = self.size * scale


def remembering(times: int) -> Remembers:
    found = Remembers(name="a")
    found._times = times
    return found


OLD_BERLIN = datetime(1880, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("hint", "value", "sent"),
    [
        (Any, {"a": [1, None, "b", 1.5]}, True),
        (Any, (1, 2), False),
        (Any, date(2026, 1, 1), False),
        (Any, {1: "a"}, False),
        (dict, {"a": 1}, True),
        (dict, {"a": Decimal(1)}, False),
        (list, [1, "a"], True),
        (list, [uuid.uuid4()], False),
        (date | str, "a text", True),
        (date | str, date(2026, 1, 1), True),
        (date | str, "2026-01-01", False),
        (Any, Weight.HEAVY, False),
        (list[Line], [Line("a", Decimal(1))], True),
        (list[Line], [Gift("a", Decimal(1), note="more")], False),
        (Reading, Reading(float("nan")), True),
        (dict[int | str, int], {1: 1}, False),
        (list[int] | set[int], {1}, False),
        (list[int] | set[int], [1], True),
        (list[int] | tuple[int, ...], (1,), False),
        (Sequence[int], (1,), False),
        (Sequence[int], [1], True),
        (Literal["a", 1] | bool, True, False),
        (Literal[1], True, False),
        (float, 3, True),
        (float, 2**53 + 1, False),
        (float, 10**400, False),
        (list[float], [3], True),
        (Annotated[int, AfterValidator(lambda number: number + 1)], 1, False),
        (Annotated[int, PlainSerializer(lambda number: number + 1)], 1, False),
        (Annotated[int, AfterValidator(abs)], 1, True),
        (SecretStr, SecretStr("hunter2"), False),
        (Login, Login(user="me", password="hunter2"), False),
        (Remembers, remembering(0), True),
        (Remembers, remembering(7), False),
        (Holds, Holds(1), True),
        (Holds, Holds(Weight.HEAVY), False),
        (Job, Job(2), True),
        (Job, Job(2, 5), False),
        (datetime, OLD_BERLIN, False),
        (datetime, datetime(2026, 6, 1, tzinfo=ZoneInfo("Europe/Berlin")), True),
        (Tupled, Tupled.PAIR, False),
        (list[str], ["\ud800"], False),
    ],
)
def test_only_what_arrives_as_what_it_is_is_sent(hint: Any, value: Any, sent: bool) -> None:
    arguments = taking(hint)
    if sent:
        (arrived,), _ = arguments.decode(*json.loads(json.dumps(arguments.encode((value,), {}))))
        assert difference(arrived, value) is None
        assert repr(arrived).replace(".0", "") == repr(value).replace(".0", "") or arrived == value
        return
    with pytest.raises(ArgumentsInvalid) as caught:
        arguments.encode((value,), {})
    assert "hunter2" not in str(caught.value)


def test_an_error_repeats_no_value_that_may_be_secret() -> None:
    for hint, value in (
        (Address, {"streets": "hunter2"}),
        (Size, {"width": 1, "password": "hunter2"}),
        (Size, {"width": 1, "height": "hunter2"}),
        (int, "hunter2" * 10),
        (dict[str, int], {"password": ["hunter2"]}),
    ):
        with pytest.raises(ArgumentsInvalid) as caught:
            taking(hint).encode((value,), {})
        assert "hunter2" not in str(caught.value)


class Raw(BaseModel):
    body: bytes


def test_bytes_that_a_model_writes_as_text_are_refused_where_they_are_none() -> None:
    assert taking(Raw).encode((Raw(body=b"text"),), {}) == ([{"body": "text"}], {})
    with pytest.raises(ArgumentsInvalid, match="cannot be written as JSON"):
        taking(Raw).encode((Raw(body=b"\x80"),), {})


class Plain:
    """A class that says nothing of how it is written."""


@pytest.mark.parametrize("hint", [Plain, list[Plain], Callable[[], int], bytearray, type, range])
def test_a_type_that_cannot_travel_is_refused_when_the_contract_is_made(hint: Any) -> None:
    with pytest.raises(ContractInvalid, match="the parameter 'value' of the contract 'task'") as caught:
        taking(hint)
    assert caught.value.hint


def test_what_plain_celery_sends_as_more_than_json_is_taken() -> None:
    """Kombu writes dates, UUIDs and Decimals with their types, and reads them back as such."""
    arguments = taking(tuple[date, ...])
    assert arguments.decode(((date(2026, 1, 1),),), {}) == ([(date(2026, 1, 1),)], {})
    assert taking(uuid.UUID).decode((uuid.UUID(int=1),), {}) == ([uuid.UUID(int=1)], {})


def test_a_received_value_of_another_type_is_refused() -> None:
    for hint, value in ((int, "1"), (int, 1.5), (date, "soon"), (Order, {"id": "x"}), (Size, {"width": "1"})):
        with pytest.raises(ArgumentsInvalid, match="value: "):
            taking(hint).decode((value,), {})
