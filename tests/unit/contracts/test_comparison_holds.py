"""Where nothing breaking is found, real values go from the one version to the other and arrive whole."""

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import json
import string
import uuid
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, Field

from allotment.contracts.arguments import Arguments
from allotment.contracts.comparison import compare
from allotment.contracts.differences import Severity
from allotment.contracts.passing import given as given_to
from allotment.contracts.shape import Parameter, ParameterKind, Shape
from allotment.errors import ArgumentsInvalid


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 3
    HIGH = 4


PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)

# a type is a tuple: its name, then what is in it; so that types can be drawn, changed a little and drawn from
SIMPLE: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "int": (int, st.integers(-(2**53), 2**53)),
    "few": (Annotated[int, Field(ge=0, le=9)], st.integers(0, 9)),
    "even": (Annotated[int, Field(multiple_of=2)], st.integers(-99, 99).map(lambda number: number * 2)),
    "float": (float, st.floats(allow_nan=False, allow_infinity=False)),
    "str": (str, st.sampled_from(["", "a", "red", "2020-02-03", "P1D", "1.5", "6f1f9f0e-0000-4000-8000-000000000000"])),
    "short": (Annotated[str, Field(max_length=3)], st.text(string.ascii_letters, max_size=3)),
    "bool": (bool, st.booleans()),
    "none": (None, st.none()),
    "date": (dt.date, st.dates()),
    "datetime": (dt.datetime, st.datetimes()),
    "timedelta": (dt.timedelta, st.timedeltas(dt.timedelta(-99), dt.timedelta(99))),
    "uuid": (uuid.UUID, st.uuids()),
    "decimal": (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=2)),
    "price": (
        Annotated[decimal.Decimal, Field(ge=0, max_digits=4, decimal_places=2)],
        st.decimals(0, decimal.Decimal("99.99"), places=2),
    ),
    "count": (Annotated[decimal.Decimal, Field(gt=-1, max_digits=4)], st.integers(0, 9999).map(decimal.Decimal)),
    "lately": (Annotated[dt.date, Field(ge=dt.date(2020, 1, 1))], st.dates(dt.date(2020, 1, 1))),
    "aware": (AwareDatetime, st.datetimes(timezones=st.just(dt.UTC))),
    "bytes": (bytes, st.binary(max_size=4)),
    "colour": (Colour, st.sampled_from(Colour)),
    "level": (Level, st.sampled_from(Level)),
    "a": (Literal["a"], st.just("a")),
    "ab": (Literal["a", "b"], st.sampled_from(["a", "b"])),
    "a7": (Literal["a", 7], st.sampled_from(["a", 7])),  # not 1, which True is equal to
    "any": (Any, st.sampled_from([1, "a", None, [1], {"x": 1}])),
}
HASHABLE = sorted(SIMPLE.keys() - {"any", "none"})
FIELDS = st.sampled_from(["x", "y", "z"])


def containers(inner):
    inner = inner.filter(lambda kind: "bytes" not in repr(kind))
    return st.one_of(
        st.tuples(st.just("list"), inner),
        st.tuples(st.just("dict"), inner),
        st.tuples(st.just("set"), st.sampled_from(HASHABLE).map(lambda name: (name,))),
        st.tuples(st.just("pair"), inner, inner),
        st.tuples(st.just("union"), inner, inner),
        st.tuples(st.just("optional"), inner),
        st.dictionaries(FIELDS, st.tuples(inner, st.booleans()), min_size=1).map(
            lambda fields: ("fields", tuple(sorted(fields.items())))
        ),
    )


ONE = st.sampled_from(sorted(SIMPLE)).map(lambda name: (name,))
TYPES = st.recursive(ONE, containers, max_leaves=5)


@st.composite
def changed(draw, kind):
    """Draw what a later version of a type might be."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(TYPES, st.just(("optional", kind)), st.tuples(st.just("union"), st.just(kind), TYPES)))
    name, *inner = kind
    if name == "fields":
        fields = {field: (draw(changed(its)), default) for field, (its, default) in inner[0]}
        if draw(st.booleans()):
            fields[draw(FIELDS)] = (draw(TYPES), True)
        return ("fields", tuple(sorted(fields.items())))
    return kind if name in SIMPLE or name == "set" else (name, *(draw(changed(each)) for each in inner))


@functools.cache
def hint(kind):
    name, *inner = kind
    if name in SIMPLE:
        return SIMPLE[name][0]
    if name == "fields":
        required = [(field, hint(its)) for field, (its, default) in inner[0] if not default]
        # a default that is given explicitly: whatever its type, it is not looked at unless the field is missing
        optional = [
            (field, hint(its), dataclasses.field(default=None)) for field, (its, default) in inner[0] if default
        ]
        return dataclasses.make_dataclass("Fields", [*required, *optional])
    made = [hint(each) for each in inner]
    return {
        "list": lambda one: list[one],
        "set": lambda one: set[one],
        "dict": lambda one: dict[str, one],
        "pair": lambda one, other: tuple[one, other],
        "union": lambda one, other: Annotated[one, Field()] | other if one is other else _either(one, other),
        "optional": lambda one: _either(one, None),
    }[name](*made)


def _either(one, other):
    from typing import Union

    return Union[one, other]  # noqa: UP007 - None and Any are not types that `|` takes


def values(kind):
    name, *inner = kind
    if name in SIMPLE:
        return SIMPLE[name][1]
    if name == "fields":
        return st.fixed_dictionaries({field: values(its) for field, (its, _) in inner[0]}).map(
            lambda found: hint(kind)(**found)
        )
    drawn = [values(each) for each in inner]
    return {
        "list": lambda one: st.lists(one, max_size=3),
        "set": lambda one: st.sets(one, max_size=3),
        "dict": lambda one: st.dictionaries(st.sampled_from(["x", "y", "w"]), one),
        "pair": st.tuples,
        "union": st.one_of,
        "optional": lambda one: st.one_of(one, st.none()),
    }[name](*drawn)


def one_argument(kind):
    def function(value):
        """Do nothing."""

    function.__annotations__ = {"value": hint(kind), "return": hint(kind)}
    return Arguments("magic", function)


def same(sent, arrived):
    """Say whether nothing is lost or something else."""
    if dataclasses.is_dataclass(sent):
        found = vars(arrived) if dataclasses.is_dataclass(arrived) else arrived
        return all(name in found and same(its, found[name]) for name, its in vars(sent).items())
    if isinstance(sent, dict):
        found = vars(arrived) if dataclasses.is_dataclass(arrived) else arrived
        return all(name in found and same(its, found[name]) for name, its in sent.items())
    if isinstance(sent, (set, frozenset)):
        return len(sent) == len(arrived) and all(any(same(one, its) for its in arrived) for one in sent)
    if isinstance(sent, (list, tuple)):
        pairs = zip(sent, arrived, strict=False)
        return len(sent) == len(arrived) and all(same(one, its) for one, its in pairs)
    if isinstance(sent, enum.Enum):
        return sent.value == getattr(arrived, "value", arrived)
    if isinstance(sent, (int, float)) and not isinstance(sent, bool):
        return sent == arrived and not isinstance(arrived, bool)
    return type(sent) is type(arrived) and sent == arrived


@settings(max_examples=200, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_value_arrives_whole_where_nothing_breaking_was_found(data):
    kind = data.draw(TYPES)
    other = data.draw(changed(kind))
    producer, worker = one_argument(kind), one_argument(other)
    found = compare(producer.shape, worker.shape)
    parameters = [one for one in found.differences if one.parameter is not None]
    event(f"{max((one.severity.word for one in parameters), default='alike')}")
    assume(all(one.severity is Severity.HARMLESS for one in parameters))
    for _ in range(4):
        value = data.draw(values(kind))
        try:
            [written], _ = producer.encode([value], {})
        except ArgumentsInvalid:
            continue  # of a union that would not arrive as what it was at the producer's own side
        [arrived], _ = worker.decode([json.loads(json.dumps(written))], {})
        assert same(value, arrived)


@settings(max_examples=200, deadline=None)
@given(TYPES)
def test_a_version_goes_with_itself_though_it_was_defined_elsewhere(kind):
    ours = one_argument(kind).shape
    assert not compare(ours, Shape.from_text(ours.text)).differences


PARAMETERS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(list(ParameterKind)), st.booleans()),
    max_size=4,
    unique_by=lambda parameter: parameter[0],
)


def _ordered(found):
    """Put parameters into an order that Python takes: those with defaults after those without."""
    stars = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    kept, seen, optional = [], set(), False
    for name, kind, default in sorted(found, key=lambda one: list(ParameterKind).index(one[1])):
        if kind in stars and kind in seen:
            continue
        seen.add(kind)
        by_position = kind in (ParameterKind.POSITIONAL_ONLY, ParameterKind.POSITIONAL_OR_KEYWORD)
        optional = optional or (default and by_position)
        kept.append((name, kind, kind not in stars and (default or (optional and by_position))))
    return kept


def _arguments(parameters):
    shape = Shape(
        "magic",
        tuple(Parameter(name, kind, not default, {"type": "integer"}, "int") for name, kind, default in parameters),
        {"type": "null"},
        "None",
    )
    scope: dict[str, Any] = {}
    exec(f"def function{str(shape).removeprefix('magic').replace('…', '0')}: ...", scope)
    return Arguments("magic", scope["function"])


@st.composite
def calls(draw, parameters):
    """Draw a call that this signature takes: each argument by its position or by its name."""
    number = iter(range(1, 99))
    args, kwargs = [], {}
    positions_end = False
    for name, kind, default in parameters:
        given_ = draw(st.booleans()) if default else True
        if kind is ParameterKind.VAR_POSITIONAL:
            args += [next(number) for _ in range(0 if positions_end else draw(st.integers(0, 2)))]
        elif kind is ParameterKind.VAR_KEYWORD:
            # Python 3.11 binds no keyword of the name of a positional parameter that has a default
            alone = ParameterKind.POSITIONAL_ONLY
            taken = {its for its, which, optional in parameters if which is not alone or optional}
            free = [one for one in "abcdxy" if one not in taken]
            kwargs |= {one: next(number) for one in draw(st.lists(st.sampled_from(free), unique=True, max_size=2))}
        elif kind is ParameterKind.KEYWORD_ONLY or (kind is not ParameterKind.POSITIONAL_ONLY and positions_end):
            kwargs |= {name: next(number)} if given_ else {}
        elif not given_ or (kind is not ParameterKind.POSITIONAL_ONLY and draw(st.booleans())):
            positions_end = True
            kwargs |= {name: next(number)} if given_ else {}
        elif not positions_end:
            args.append(next(number))
    return args, kwargs


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@settings(max_examples=200, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_each_argument_reaches_its_parameter_where_nothing_breaking_was_found(data):
    drawn = data.draw(PARAMETERS)
    ours = _ordered(drawn)
    more = data.draw(PARAMETERS)
    names = {name for name, *_ in more}
    theirs = _ordered(
        data.draw(st.sampled_from([more, drawn[1:], [one for one in drawn if one[0] not in names] + more]))
    )
    producer, worker = _arguments(ours), _arguments(theirs)
    found = compare(producer.shape, worker.shape)
    event(found.verdict.word)
    assume(found.verdict is not Severity.BREAKING)
    for _ in range(5):
        args, kwargs = data.draw(calls(ours))
        sent = producer.signature.bind(*args, **kwargs).arguments
        if found.not_to_be_given & given_to(producer.shape.parameters, len(args), kwargs):
            continue
        encoded = producer.encode(args, kwargs)
        worker.decode(*encoded)
        _check_arrived(ours, theirs, sent, worker.signature.bind(*encoded[0], **encoded[1]))


def _check_arrived(ours, theirs, sent, bound):
    received = bound.arguments
    kinds = {name: kind for name, kind, _ in theirs}
    rest = next((received.get(name, ()) for name, kind in kinds.items() if kind is ParameterKind.VAR_POSITIONAL), ())
    others = next((received.get(name, {}) for name, kind in kinds.items() if kind is ParameterKind.VAR_KEYWORD), {})
    by_name = {name: value for name, value in received.items() if isinstance(value, int)}
    for place, (name, kind, _) in enumerate(ours):
        value = sent.get(name)
        if value is None:
            continue
        if kind is ParameterKind.VAR_POSITIONAL:
            assert rest[len(rest) - len(value) :] == value
        elif kind is ParameterKind.VAR_KEYWORD:
            assert all(others.get(one, by_name.get(one)) == its for one, its in value.items())
        elif kind is ParameterKind.POSITIONAL_ONLY and name not in by_name:
            assert bound.args[place] == value
        else:
            assert by_name.get(name, others.get(name)) == value or value in rest


# fmt: off
KEYWORDS = [
    "type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "items", "prefixItems", "properties", "required", "a",
    "additionalProperties", "propertyNames", "patternProperties", "discriminator", "propertyName", "mapping", "minimum",
    "maxItems", "multipleOf", "format", "pattern", "uniqueItems",
]
# fmt: on
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["string", "#/$defs/A", "object", "a", "array"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYWORDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(JSON, JSON, JSON, st.sampled_from(["int", "float", "colour", "a7"]))
def test_whatever_comes_as_a_schema_it_is_compared(ours, theirs, definition, name):
    definitions = {"A": definition}
    shapes = [
        Shape("magic", (Parameter("value", ParameterKind.KEYWORD_ONLY, True, one, "?"),), one, "?", definitions)
        for one in (ours, theirs)
    ]
    shapes += [one_argument((name,)).shape, one_argument(("fields", (("a", ((name,), True)),))).shape]
    for one in shapes:
        for other in shapes:
            compare(one, other)
