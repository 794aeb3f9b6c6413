"""What two versions of a contract mean to each other, case by case."""

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, NotRequired

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from allotment.contracts.arguments import Arguments
from allotment.contracts.comparison import compare, compatibility
from allotment.contracts.differences import Severity
from allotment.contracts.passing import given
from allotment.contracts.shape import Parameter, ParameterKind, Shape

HARMLESS, DEPENDS, BREAKING = Severity


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class MoreColours(enum.StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


@dataclasses.dataclass
class Point:
    x: int
    y: int


@dataclasses.dataclass
class PointWithLabel:
    x: int
    y: int
    label: str = ""


@dataclasses.dataclass
class PointInSpace:
    x: int
    y: int
    z: int


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x: int


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int
    y: int


class Tree(BaseModel):
    size: int
    children: "list[Tree]" = []


class Wood(BaseModel):
    size: float
    children: "list[Wood]" = []


class Stone(BaseModel):
    size: float
    children: "list[dict[str, Stone]]" = []


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    radius: float


class WideCircle(Circle):
    width: float = 1.0


class Square(BaseModel):
    kind: Literal["square"] = "square"
    side: float


class Triangle(BaseModel):
    kind: Literal["triangle"] = "triangle"
    sides: tuple[float, float, float]


class Named(TypedDict):
    name: str
    age: NotRequired[int]


class NamedWithAge(TypedDict):
    name: str
    age: int


TwoShapes = Annotated[Circle | Square, Field(discriminator="kind")]
ThreeShapes = Annotated[Circle | Square | Triangle, Field(discriminator="kind")]


_OF_PYDANTIC = ("AwareDatetime", "FiniteFloat", "FutureDatetime", "NaiveDatetime", "PastDate", "StringConstraints")


def shape(parameters: str, result: str = "None", name: str = "magic") -> Shape:
    """Give the shape of a contract with this signature."""
    scope: dict[str, Any] = globals() | {name: getattr(pydantic, name) for name in _OF_PYDANTIC}
    scope |= {"datetime": dt, "uuid": uuid, "Decimal": decimal.Decimal}
    exec(f"def function({parameters}) -> {result}: ...", scope)
    return Arguments(name, scope["function"]).shape


def outcome(producer: Shape, worker: Shape) -> set[tuple[str | None, Severity]]:
    return {(one.parameter, one.severity) for one in compare(producer, worker).differences}


@pytest.mark.parametrize(
    ("producer", "worker", "expected"),
    [
        ("a: int", "a: int, b: int = 0", {("b", HARMLESS)}),
        ("a: int", "a: int, *, b: int = 0", {("b", HARMLESS)}),
        ("a: int", "a: int, b: int", {("b", BREAKING)}),
        ("a: int", "a: int, *, b: int", {("b", BREAKING)}),
        ("a: int, b: int", "a: int", {("b", BREAKING)}),
        ("a: int, b: int = 0", "a: int", {("b", DEPENDS)}),
        ("a: int, *, b: int = 0", "a: int", {("b", DEPENDS)}),
        ("a: int, b: int = 0, c: int = 0", "a: int, c: int = 0", {("b", BREAKING)}),
        ("a: int, c: int = 0", "a: int, b: int = 0, c: int = 0", {("b", BREAKING)}),
        ("a: int, b: int", "b: int, a: int", {("a", BREAKING), ("b", BREAKING)}),
        ("a: int, b: int", "a: int, c: int", {("b", BREAKING), ("c", BREAKING)}),
        ("a: int, b: int = 0", "a: int, c: int = 0", {("b", DEPENDS), ("c", HARMLESS)}),
        ("*, a: int, b: int", "*, b: int, a: int", set()),
        ("a: int = 0", "a: int", {("a", BREAKING)}),
        ("a: int", "a: int = 0", {("a", HARMLESS)}),
        ("a: int", "*, a: int", {("a", BREAKING)}),
        ("a: int", "a: int, /", {("a", BREAKING)}),
        ("*, a: int", "a: int, /", {("a", BREAKING)}),
        ("a: int, /", "*, a: int", {("a", BREAKING)}),
        ("*, a: int", "a: int", {("a", HARMLESS)}),
        ("a: int, /", "a: int", {("a", HARMLESS)}),
        ("b: int, *, a: int", "a: int, b: int", {("a", BREAKING), ("a", HARMLESS)}),
        ("a: int, /", "b: int, /", {("a", HARMLESS)}),
        ("a: int, b: int, /", "b: int, a: int, /", {("a", BREAKING), ("b", BREAKING)}),
        ("a: int, /", "b: str, /", {("a", HARMLESS), ("a", BREAKING)}),
        ("a: int, /, **more: int", "a: int, **more: int", {("a", HARMLESS), ("a", BREAKING)}),
        ("a: int, /, **more: int", "b: int, **more: int", {("a", BREAKING), ("b", BREAKING)}),
        ("a: int, /, **more: int", "b: int, /, **more: int", {("a", HARMLESS)}),
        ("a: int, *args: int", "a: int", {("args", DEPENDS)}),
        ("a: int", "a: int, *args: int", {("args", HARMLESS)}),
        ("a: int, *args: int", "a: int, b: int = 0, *args: int", {("args", DEPENDS), ("b", HARMLESS)}),
        ("a: int, *args: int", "a: int, *args: str", {("args", BREAKING)}),
        ("a: int, *args: int", "a: int, *others: float", {("args", HARMLESS)}),
        ("a: int, /, b: int = 0", "a: int, /, *args: int", {("b", DEPENDS), ("args", HARMLESS)}),
        ("a: int, b: int, /", "a: int, /, *args: int", {("b", HARMLESS), ("args", HARMLESS)}),
        ("a: int, b: str, /", "a: int, /, *args: int", {("b", HARMLESS), ("b", BREAKING), ("args", HARMLESS)}),
        ("a: int, *, b: int", "a: int, **more: int", {("b", HARMLESS), ("more", HARMLESS)}),
        ("a: int, *, b: str", "a: int, **more: int", {("b", HARMLESS), ("b", BREAKING), ("more", HARMLESS)}),
        ("a: int, **more: int", "a: int", {("more", DEPENDS)}),
        ("**more: int", "a: int = 0, **more: int", {("a", HARMLESS)}),
        ("**more: int", "a: str = '', **more: int", {("a", HARMLESS), ("a", DEPENDS)}),
        ("**more: int", "a: int = 0, /, **more: int", {("a", HARMLESS), ("a", DEPENDS)}),
        ("a: int = 0, /, **more: int", "b: int = 0, /, **more: int", {("a", HARMLESS), ("b", DEPENDS)}),
    ],
)
def test_how_arguments_are_passed(producer, worker, expected):
    assert outcome(shape(producer), shape(worker)) == expected


SAME = [
    ("int", "Annotated[int, Field(description='how many')]"),
    ("Annotated[int, Field(gt=0)]", "Annotated[int, Field(ge=1)]"),
    ("Point", "dataclasses.make_dataclass('Other', [('x', int), ('y', int)])"),
    ("list[int]", "tuple[int, ...]"),
    ("int | str", "str | int"),
    ("Annotated[list[int], Field(min_length=2, max_length=2)]", "tuple[int, int]"),
]
WIDER = [
    ("int", "Any"),
    ("list[dict[str, int | None]]", "Any"),
    ("Colour", "Any"),
    ("int", "float"),
    ("int", "int | None"),
    ("int", "int | str"),
    ("str", "int | str | None"),
    ("int | None", "float | None"),
    ("Colour", "MoreColours"),
    ("Colour", "str"),
    ("Literal['a']", "Literal['a', 1]"),
    ("Literal['a', 1]", "str | int"),
    ("Literal['a', 'b']", "Literal['a'] | Literal['b', 'c']"),
    ("Literal[1, 2]", "Annotated[int, Field(ge=1, le=2)]"),
    ("Annotated[int, Field(ge=1, le=5)]", "Annotated[int, Field(ge=0, lt=7)]"),
    ("Annotated[int, Field(multiple_of=6)]", "Annotated[int, Field(multiple_of=3)]"),
    ("Annotated[str, Field(max_length=3)]", "Annotated[str, Field(max_length=4)]"),
    ("Annotated[str, Field(pattern='^a')]", "str"),
    ("tuple[int, str]", "list[int | str]"),
    ("set[int]", "list[int]"),
    ("list[int]", "list[float]"),
    ("dict[str, int]", "dict[str, float]"),
    ("dict[Colour, int]", "dict[str, int]"),
    ("Point", "dict[str, int]"),
    ("Strict", "Open | Strict"),
    ("NamedWithAge", "Named"),
    ("Tree", "Wood"),
    ("Circle", "TwoShapes"),
    ("TwoShapes", "ThreeShapes"),
    ("Circle | Square", "Circle | Square | Triangle"),
    ("datetime.date", "datetime.date | None"),
    ("list[str]", "list[str] | list[int]"),
]
# of a result, who knows fewer fields reads it too
MORE_FIELDS = [
    ("Point", "PointWithLabel"),
    ("Point", "Open"),
    ("list[Point]", "list[PointWithLabel]"),
    ("Point | None", "PointWithLabel | None"),
    ("Circle | Square", "WideCircle | Square"),
    ("TwoShapes", "Annotated[WideCircle | Square, Field(discriminator='kind')]"),
]
# what JSON Schema has no keyword for
_BEYOND = [
    ("decimal.Decimal, Field(ge=100)", "decimal.Decimal, Field(ge=0)"),
    ("decimal.Decimal, Field(gt=0)", "decimal.Decimal, Field(ge=0)"),
    ("decimal.Decimal, Field(lt=Decimal('1.5'))", "decimal.Decimal, Field(le=Decimal('1.50'))"),
    ("decimal.Decimal, Field(le=9)", "decimal.Decimal, Field(lt=10)"),
    ("decimal.Decimal, Field(ge=0)", "decimal.Decimal, ''"),
    ("decimal.Decimal, Field(multiple_of=Decimal('0.5'))", "decimal.Decimal, Field(multiple_of=Decimal('0.1'))"),
    ("decimal.Decimal, Field(max_digits=4)", "decimal.Decimal, Field(max_digits=5)"),
    ("decimal.Decimal, Field(decimal_places=1)", "decimal.Decimal, Field(decimal_places=2)"),
    (
        "decimal.Decimal, Field(max_digits=4, decimal_places=2)",
        "decimal.Decimal, Field(max_digits=5, decimal_places=2)",
    ),
    ("decimal.Decimal, ''", "decimal.Decimal, Field(allow_inf_nan=True)"),
    ("FiniteFloat, ''", "float, ''"),
    ("int, ''", "FiniteFloat, ''"),
    ("datetime.date, Field(ge=datetime.date(2021, 1, 1))", "datetime.date, Field(gt=datetime.date(2020, 12, 31))"),
    ("PastDate, ''", "datetime.date, ''"),
    ("datetime.datetime, Field(lt=datetime.datetime(2020, 1, 1))", "datetime.datetime, ''"),
    ("datetime.time, Field(le=datetime.time(3))", "datetime.time, Field(le=datetime.time(4))"),
    ("datetime.timedelta, Field(ge=datetime.timedelta(days=2))", "datetime.timedelta, Field(ge=datetime.timedelta(1))"),
    ("AwareDatetime, ''", "datetime.datetime, ''"),
    ("NaiveDatetime, ''", "datetime.datetime, ''"),
    ("FutureDatetime, ''", "datetime.datetime, ''"),
    ("str, StringConstraints(to_lower=True)", "str, ''"),
]
BEYOND = [(f"Annotated[{narrow}]", f"Annotated[{wide}]") for narrow, wide in _BEYOND]
OTHER = [
    # who takes anything gets a text, a list or a dictionary
    ("datetime.date", "Any"),
    ("datetime.datetime", "Any"),
    ("bytes", "Any"),
    ("set[int]", "Any"),
    ("tuple[int, str]", "Any"),
    ("Point", "Any"),
    ("Tree", "Any"),
    ("dict[int, str]", "Any"),
    ("list[datetime.date]", "Any"),
    ("list[datetime.date]", "list"),
    ("dict[str, Point]", "dict[str, Any]"),
    ("datetime.date | None", "Any"),
    ("NaiveDatetime", "AwareDatetime"),
    ("PastDate", "Annotated[datetime.date, Field(ge=datetime.date(2020, 1, 1))]"),
    (
        "Annotated[datetime.datetime, Field(ge=datetime.datetime(2020, 1, 1))]",
        "Annotated[datetime.datetime, Field(ge=datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC))]",
    ),
    # of five digits with two after the point only three may be before it
    (
        "Annotated[decimal.Decimal, Field(max_digits=5, decimal_places=0)]",
        "Annotated[decimal.Decimal, Field(max_digits=5, decimal_places=2)]",
    ),
    ("int", "str"),
    ("int", "bool"),
    ("bool", "int"),
    ("float", "datetime.date"),
    ("str", "decimal.Decimal"),
    ("decimal.Decimal", "str"),
    ("str", "uuid.UUID"),
    ("uuid.UUID", "str"),
    ("bytes", "str"),
    ("datetime.date", "datetime.datetime"),
    ("datetime.timedelta", "datetime.time"),
    ("list[int]", "int"),
    ("Literal['1']", "Literal[1]"),
    ("Literal[True]", "Literal[1]"),
    ("tuple[int, int]", "tuple[int, int, int]"),
    ("tuple[int, int, int]", "tuple[int, int]"),
    ("tuple[int, str]", "tuple[str, int]"),
    ("dict[int, str]", "dict[str, str]"),
    ("dict[str, int]", "Point"),
    ("Point", "PointInSpace"),
    ("Tree", "Stone"),
    ("list[Tree]", "list[list[Tree]]"),
    ("PointInSpace", "Strict"),
    ("Circle", "Square"),
    # a text may look like a date, and which of the two it becomes depends on the value
    ("str", "datetime.date | str"),
    ("datetime.date", "datetime.date | str"),
    ("list[datetime.date]", "list[str] | list[datetime.date]"),
    ("bool", "bool | Literal[1]"),
    # an empty list would do as the other
    ("list[int]", "set[str] | list[int]"),
    # an object of the one would do as the other
    ("Point", "PointWithLabel | Point"),
]


@pytest.mark.parametrize(("writes", "reads"), SAME)
def test_types_that_are_the_same_however_they_are_written(writes, reads):
    assert not compare(shape(f"a: {writes}"), shape(f"a: {reads}")).differences
    assert not compare(shape(f"a: {reads}"), shape(f"a: {writes}")).differences


@pytest.mark.parametrize(("narrow", "wide"), [*WIDER, *MORE_FIELDS, *BEYOND])
def test_a_wider_type_takes_all_and_a_narrower_one_does_not(narrow, wide):
    assert outcome(shape(f"a: {narrow}"), shape(f"a: {wide}")) == {("a", HARMLESS)}
    assert ("a", BREAKING) in outcome(shape(f"a: {wide}"), shape(f"a: {narrow}"))


@pytest.mark.parametrize(("writes", "reads"), OTHER)
def test_a_type_that_is_not_taken_or_becomes_another(writes, reads):
    assert outcome(shape(f"a: {writes}"), shape(f"a: {reads}")) == {("a", BREAKING)}


@pytest.mark.parametrize(("narrow", "wide"), [*WIDER, *BEYOND])
def test_with_results_it_is_the_other_way_round(narrow, wide):
    assert outcome(shape("", wide), shape("", narrow)) == {(None, HARMLESS)}
    assert outcome(shape("", narrow), shape("", wide)) == {(None, BREAKING)}


@pytest.mark.parametrize(("fewer", "more"), MORE_FIELDS)
def test_a_result_with_more_fields_than_the_producer_reads_is_read(fewer, more):
    assert outcome(shape("", fewer), shape("", more)) == {(None, HARMLESS)}


@pytest.mark.parametrize(
    ("read", "given"),
    [
        ("Strict", "Point"),  # it forbids what it does not know
        ("PointInSpace", "Point"),
        ("NamedWithAge", "Named"),
        ("Wood", "Named"),
        ("Point", "dict[str, int]"),
        ("Point", "None"),
        ("None", "int"),
        ("Point | PointWithLabel", "PointInSpace"),  # which of the two it becomes is the union's business
    ],
)
def test_a_result_that_lacks_what_the_producer_reads_is_not_read(read, given):
    assert outcome(shape("", read), shape("", given)) == {(None, BREAKING)}


@pytest.mark.parametrize("given", ["datetime.date", "Point", "set[int]"])
def test_a_result_is_read_as_json_where_the_producer_asks_for_nothing_else(given):
    assert outcome(shape("", "Any"), shape("", given)) == {(None, HARMLESS)}


@pytest.mark.parametrize(
    ("sent", "told"), [("int", True), ("int | None", True), ("Annotated[int, Field(ge=0, le=2**53)]", False)]
)
def test_whole_numbers_that_no_float_has_are_told_of(sent, told):
    [difference] = compare(shape(f"a: {sent}"), shape("a: float | None")).differences
    assert ("2**53" in difference.told) is told


@pytest.mark.parametrize(
    "written", sorted({one for pair in (*SAME, *WIDER, *MORE_FIELDS, *BEYOND, *OTHER) for one in pair})
)
def test_a_contract_goes_with_itself(written):
    ours = shape(f"a: {written}", written)
    assert not compare(ours, Shape.from_text(ours.text)).differences


def test_a_field_that_the_worker_does_not_know_is_told_with_its_place():
    worker = shape("points: dict[str, list[Point]]")
    [difference] = compare(shape("points: dict[str, list[PointInSpace]]"), worker).differences
    assert str(difference) == "points: the worker does not know the field 'z', which would be lost (in points{}[])"


def test_names_that_differ_do_not_go_together():
    assert outcome(shape("", name="magic"), shape("", name="tragic")) == {(None, BREAKING)}


def test_what_a_call_must_leave_out_is_named():
    producer = shape("a: int, b: int = 0, *rest: int, c: str = '', **more: int")
    found = compare(producer, shape("a: int, d: str = ''"))
    assert found.verdict is DEPENDS
    assert found.not_to_be_given == {"b", "rest", "c", "more", "d"}


@pytest.mark.parametrize(
    ("count", "names", "expected"),
    [
        (1, [], {"a"}),
        (1, ["b"], {"a", "b"}),
        (2, ["c"], {"a", "b", "c"}),
        (3, [], {"a", "b", "rest"}),
        (1, ["d"], {"a", "d", "more"}),
        (1, ["a"], {"a", "more"}),
    ],
)
def test_what_a_call_gives_is_told_by_names(count, names, expected):
    parameters = shape("a: int, /, b: int = 0, *rest: int, c: str = '', **more: int").parameters
    assert given(parameters, count, names) == expected


def test_a_change_is_looked_at_in_both_directions():
    found = compatibility(shape("a: int"), shape("a: int, b: int = 0"))
    assert (found.new_worker.verdict, found.new_producer.verdict) == (HARMLESS, DEPENDS)
    assert found.verdict is DEPENDS


def _with(schema: Any, definitions: Any = None) -> Shape:
    parameter = Parameter("a", ParameterKind.POSITIONAL_OR_KEYWORD, required=True, schema=schema, written="?")
    return Shape("magic", (parameter,), {"type": "null"}, "None", definitions or {})


def _deep(levels: int) -> Any:
    schema: Any = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def _chain(length: int) -> Any:
    more = {f"D{number}": {"type": "array", "items": {"$ref": f"#/$defs/D{number + 1}"}} for number in range(length)}
    return more | {f"D{length}": {"type": "integer"}}


_DOUBLED = {
    f"D{number}": {"anyOf": [{"$ref": f"#/$defs/D{number + 1}"}, {"items": {"$ref": f"#/$defs/D{number + 1}"}}]}
    for number in range(40)
} | {"D40": {"type": "integer"}}
HOSTILE = [
    _with(_deep(900)),
    _with({"$ref": "#/$defs/D0"}, _chain(300)),
    _with({"$ref": "#/$defs/D0"}, _DOUBLED),
    _with({"$ref": "#/$defs/A"}, {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}),
    _with({"$ref": "#/$defs/A"}, {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "string"}]}}),
    _with({"$ref": "#/$defs/Missing"}),
    _with({"$ref": 7}),
    _with({"$ref": ["#/$defs/A"]}, {"A": {}}),
    _with({"enum": list(range(100_000))}),
    _with({"anyOf": [{"type": "string", "maxLength": number} for number in range(5_000)]}),
    _with({"type": "object", "properties": {str(number): _deep(5) for number in range(1_000)}}),
    _with({"enum": {"a": 1}}),
    _with({"enum": [[1], {"a": 1}]}),
    _with({"type": {"a": 1}}),
    _with({"type": [["string"], 1, None]}),
    _with({"type": "string", "minLength": "x"}),
    _with({"type": "integer", "multipleOf": 0}),
    _with({"type": "integer", "minimum": float("nan")}),
    _with({"type": "integer", "minimum": 10**4000}),
    _with({"type": "array", "prefixItems": 5}),
    _with({"type": "array", "maxItems": 10**18, "prefixItems": [{}]}),
    _with({"type": "object", "properties": [1]}),
    _with({"type": "object", "required": [["a"], {}]}),
    _with({"type": "object", "patternProperties": {"(a+)+$": 5}}),
    _with({"anyOf": 5}),
    _with({"anyOf": [5, None]}),
    _with({"oneOf": [{"type": "object"}], "discriminator": {"propertyName": [], "mapping": {}}}),
    _with({"oneOf": [{"type": "object"}], "discriminator": {"propertyName": "a", "mapping": 5}}),
    _with({"const": float("inf")}),
    _with({1: 2}),
    _with({"type": "string", "format": "decimal", "ge": "NaN"}),
    _with({"type": "string", "format": "decimal", "gt": [1], "le": {}}),
    _with({"type": "string", "format": "decimal", "ge": "1e999999999", "multiple_of": "0"}),
    _with({"type": "string", "format": "decimal", "max_digits": "x", "decimal_places": -5}),
    _with({"type": "string", "format": ["date"], "lt": "2020-01-01"}),
    _with({"type": "string", "format": "date-time", "lt": "yesterday", "tz_constraint": {}}),
    _with({"type": "string", "format": "duration", "gt": "nan", "ge": True}),
    _with("text"),
    _with([]),
]
READERS = [
    shape("a: Tree"),
    shape("a: Annotated[int, Field(ge=0, multiple_of=3)]"),
    shape("a: list[tuple[int, str]]"),
    shape("a: Annotated[decimal.Decimal, Field(gt=3, lt=9, multiple_of=2, max_digits=3, decimal_places=1)]"),
    shape("a: Annotated[datetime.timedelta, Field(gt=datetime.timedelta(1))]"),
    shape("a: ThreeShapes"),
    shape("a: Literal['a', 'b'] | dict[Colour, Point]"),
]


@pytest.mark.timeout(20)  # a comparison that never ends fails here; each of them takes milliseconds
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_shape_from_outside_ends_in_a_difference_and_never_in_a_crash(hostile):
    for reader in READERS:
        assert compare(hostile, reader).verdict is BREAKING
        compare(reader, hostile)
    for other in HOSTILE:
        compare(hostile, other)


@pytest.mark.parametrize(
    "kinds",
    [
        [("a", ParameterKind.POSITIONAL_OR_KEYWORD), ("a", ParameterKind.KEYWORD_ONLY)],
        [("a", ParameterKind.VAR_KEYWORD), ("b", ParameterKind.POSITIONAL_ONLY)],
        [("a", ParameterKind.VAR_KEYWORD), ("b", ParameterKind.VAR_KEYWORD)],
    ],
)
def test_parameters_that_no_signature_can_have_do_not_go_with_any(kinds):
    parameters = tuple(Parameter(name, kind, required=False, schema={}, written="Any") for name, kind in kinds)
    hostile = Shape("magic", parameters, {"type": "null"}, "None", {})
    assert compare(hostile, shape("a: Any")).verdict is BREAKING
    assert compare(shape("a: Any"), hostile).verdict is BREAKING
