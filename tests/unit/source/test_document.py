"""YAML: what values mean, where they stand, and that hostile text costs nothing and runs nothing."""

import contextlib
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.source import yaml_text
from allotment.source.document import Document, Path
from allotment.source.yaml_text import MOST_BYTES, MOST_DEPTH, MOST_KEY, MOST_PROBLEMS, MOST_VALUES, read_document

NAME = "fleet.yaml"


def read(text: str, **environment: str) -> Document:
    return read_document(text, NAME, environment)


def problems(text: str, **environment: str) -> tuple[FileProblem, ...]:
    with pytest.raises(FileInvalid) as caught:
        read(text, **environment)
    return caught.value.problems


def only(text: str, **environment: str) -> FileProblem:
    (problem,) = problems(text, **environment)
    return problem


# What scalars mean


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("N", "N"),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("~", None),
        ("", None),
        ("nULL", "nULL"),
        ("none", "none"),
        ("0", 0),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("0o8", "0o8"),
        ("0xG", "0xG"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5E-1", -0.15),
        ("1e", "1e"),
        (".", "."),
        ("-x", "-x"),
        ("1.2.3", "1.2.3"),
        ("12:30:00", "12:30:00"),
        ("2001-01-01", "2001-01-01"),
        ("1h30m", "1h30m"),
        ("8Gi", "8Gi"),
        ("<<", "<<"),
    ],
)
def test_a_plain_scalar_means_what_the_core_schema_of_yaml_1_2_says(written: str, value: object) -> None:
    found = read(f"key: {written}\n").root["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("written", ["12", "0x1F", "1e3", "true", "null", "~", "", "yes"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_what_is_quoted_stays_text(written: str, quote: str) -> None:
    assert read(f"key: {quote}{written}{quote}\n").root == {"key": written}


def test_blocks_of_text_stay_text() -> None:
    assert read("a: |\n  12\nb: >-\n  true\n").root == {"a": "12\n", "b": "true"}


def test_the_empty_tag_of_a_quoted_value_is_no_tag() -> None:
    assert read("a: ! x\n").root == {"a": "x"}


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(-(10**12), 10**12))
def test_numbers_are_read_as_they_are_written(number: int) -> None:
    assert read(f"[{number}, {float(number)!r}, {hex(abs(number))}, '{number}']").root == [
        number,
        float(number),
        abs(number),
        str(number),
    ]


# Where things stand


def test_positions_of_keys_and_values_in_blocks() -> None:
    document = read("app: shop\nprofiles:\n  cpu:\n    queues:\n      - a\n      - bb\n    prefetch:   3\n")
    assert document.where(("app",), key=True) == Where(NAME, 1, 1)
    assert document.where(("app",)) == Where(NAME, 1, 6)
    assert document.where(("profiles",), key=True) == Where(NAME, 2, 1)
    assert document.where(("profiles", "cpu"), key=True) == Where(NAME, 3, 3)
    assert document.where(("profiles", "cpu", "queues"), key=True) == Where(NAME, 4, 5)
    assert document.where(("profiles", "cpu", "queues", 0)) == Where(NAME, 5, 9)
    assert document.where(("profiles", "cpu", "queues", 1)) == Where(NAME, 6, 9)
    assert document.where(("profiles", "cpu", "prefetch")) == Where(NAME, 7, 17)


def test_positions_inside_one_line() -> None:
    document = read('cpu: {queues: [é, "b", [c]], "soft": 1}\n')
    assert document.where(("cpu",)) == Where(NAME, 1, 6)
    assert document.where(("cpu", "queues"), key=True) == Where(NAME, 1, 7)
    assert document.where(("cpu", "queues")) == Where(NAME, 1, 15)
    assert document.where(("cpu", "queues", 0)) == Where(NAME, 1, 16)
    assert document.where(("cpu", "queues", 1)) == Where(NAME, 1, 19)
    assert document.where(("cpu", "queues", 2, 0)) == Where(NAME, 1, 25)
    assert document.where(("cpu", "soft"), key=True) == Where(NAME, 1, 30)
    assert document.where(("cpu", "soft")) == Where(NAME, 1, 38)


def test_the_place_of_what_is_not_there_is_that_of_the_nearest_thing_above() -> None:
    document = read("a:\n  b: 1\n")
    assert document.where(("a", "nope", "deeper")) == document.where(("a",)) == Where(NAME, 2, 3)
    assert document.where(("nope",)) == Where(NAME, 1, 1)
    assert document.where(()) == Where(NAME, 1, 1)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_line_ending_counts_as_one_line(line_end: str) -> None:
    document = read(line_end.join(["a: 1", "", "b:", "  c: 2", ""]))
    assert document.where(("b", "c")) == Where(NAME, 4, 6)


def test_a_byte_order_mark_moves_nothing() -> None:
    document = read("\ufeffapp: shop\n")
    assert document.root == {"app": "shop"}
    assert document.where(("app",), key=True) == Where(NAME, 1, 1)


def test_a_place_ends_after_its_last_character() -> None:
    document = read('app: "shop"  # why\nlist: [a, {b: c}]\n')
    assert (document.where(("app",)).end_line, document.where(("app",)).end_column) == (1, 12)
    assert (document.where(("app",), key=True).end_line, document.where(("app",), key=True).end_column) == (1, 4)
    assert (document.where(("list",)).end_line, document.where(("list",)).end_column) == (2, 18)
    assert document.where(("list", 1)).end_column == 17
    assert document.where(("list", 1, "b")).end_column == 16


def written_out(value: Any, line: int, column: int, path: Path) -> Iterator[tuple[str, Path, int, int, bool]]:
    """Write a value as block YAML; give each piece with the path, line and column of what begins there."""
    if isinstance(value, dict):
        for number, (key, inner) in enumerate(value.items()):
            lead = "" if number == 0 else " " * (column - 1)
            if isinstance(inner, dict):
                line += 1
                yield f"{lead}{key}:\n  {' ' * (column - 1)}", (*path, key), line - 1, column, True
                yield "", (*path, key), line, column + 2, False
                pieces = list(written_out(inner, line, column + 2, (*path, key)))
            else:
                yield f"{lead}{key}: ", (*path, key), line, column, True
                start = column + len(key) + 2
                yield "", (*path, key), line, start, False
                pieces = list(written_out(inner, line, start, (*path, key)))
            yield from pieces
            line += sum(piece[0].count("\n") for piece in pieces)
    elif isinstance(value, list):
        yield "[", path, 0, 0, False
        column += 1
        for number, item in enumerate(value):
            yield "", (*path, number), line, column, False
            pieces = list(written_out(item, line, column, (*path, number)))
            text = "".join(piece[0] for piece in pieces).rstrip("\n")
            yield from ((piece[0].rstrip("\n"), *piece[1:]) for piece in pieces)
            yield ", ", (), 0, 0, False
            column += len(text) + 2
        yield "]\n", (), 0, 0, False
    else:
        yield f"{value}\n", (), 0, 0, False


words = st.text(alphabet="abcé", min_size=1, max_size=4)
lists = st.recursive(
    st.lists(words, max_size=3), lambda inner: st.lists(inner | words, min_size=1, max_size=3), max_leaves=6
)
mappings = st.recursive(
    st.dictionaries(words, words | lists, min_size=1, max_size=3),
    lambda inner: st.dictionaries(words, inner | words, min_size=1, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(mappings)
def test_every_position_is_the_one_it_was_written_at(value: dict[str, Any]) -> None:
    pieces = list(written_out(value, 1, 1, ()))
    document = read("".join(piece[0] for piece in pieces))
    assert document.root == value
    checked = 0
    for _, path, line, column, key in pieces:
        if line:
            assert document.where(path, key=key) == Where(NAME, line, column)
            checked += 1
    assert checked >= 2 * len(value)


# What is refused


def test_a_key_that_is_there_twice_is_reported_with_both_lines() -> None:
    problem = only("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert problem.code == "duplicate-key"
    assert problem.where == Where(NAME, 5, 3)
    assert "'c'" in problem.message
    assert problem.hint is not None
    assert "line 3" in problem.hint


def test_a_key_is_the_same_key_in_quotes() -> None:
    assert only('a: 1\n"a": 2\n').code == "duplicate-key"
    assert only("{1: a, '1': b}").code == "duplicate-key"


def test_the_same_key_in_two_mappings_is_no_duplicate() -> None:
    assert read("a: {x: 1}\nb: {x: 2}\n").root == {"a": {"x": 1}, "b": {"x": 2}}


def test_every_duplicate_is_reported_in_file_order() -> None:
    found = problems("a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\n")
    assert [(problem.code, problem.where and problem.where.line) for problem in found] == [
        ("duplicate-key", 2),
        ("duplicate-key", 3),
        ("duplicate-key", 4),
    ]


def test_an_alias_to_nothing_is_refused_where_it_stands() -> None:
    problem = only("a: 1\nb: *nope\n")
    assert (problem.code, problem.where) == ("yaml-alias", Where(NAME, 2, 4))
    assert "nope" in problem.message


def test_a_value_cannot_hold_itself() -> None:
    assert only("a: &self {b: *self}\n").code == "yaml-alias"


def test_an_alias_gives_the_value_that_was_marked() -> None:
    document = read("a: &x {b: 1}\nc: *x\nd: &n 5\ne: [*n]\n")
    assert document.root == {"a": {"b": 1}, "c": {"b": 1}, "d": 5, "e": [5]}
    assert document.where(("c",)) == Where(NAME, 2, 4)
    assert document.where(("e", 0)) == Where(NAME, 4, 5)


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['touch {path}']\n",
        "a: !!python/object/new:os.system ['touch {path}']\n",
        "a: !!python/name:os.system\n",
        "a: !!python/module:os\n",
        "a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{path}']]\n",
        "a: !local x\n",
        "a: !!str 12\n",
        "a: !!binary aGk=\n",
        "a: !!set {{b}}\n",
        "%TAG ! tag:example.org,2000:\n---\na: !x y\n",
    ],
)
def test_a_tag_is_refused_and_nothing_runs(text: str, tmp_path) -> None:
    canary = tmp_path / "canary"
    found = problems(text.format(path=canary))
    assert {problem.code for problem in found} == {"yaml-tag"}
    assert all("tag" in (problem.hint or "") for problem in found)
    assert not canary.exists()


@pytest.mark.parametrize("text", ["!!python/name:os.system a: 1\n", "{!local a: 1}", "? !!str a\n: 1\n"])
def test_a_tag_on_a_key_is_refused_too(text: str) -> None:
    assert only(text).code == "yaml-tag"


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "? {a: b}\n: 1\n", "a: &x b\n*x : 1\n"])
def test_a_key_that_is_no_plain_name_is_refused(text: str) -> None:
    assert [problem.code for problem in problems(text)] == ["yaml-key"]


def test_a_second_document_is_refused_where_it_begins() -> None:
    problem = only("a: 1\n---\nb: 2\n")
    assert (problem.code, problem.where) == ("yaml-documents", Where(NAME, 2, 1))


def test_the_marks_around_one_document_are_fine() -> None:
    assert read("%YAML 1.2\n---\na: 1\n...\n").root == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~\n"])
def test_a_file_with_nothing_in_it_has_no_value(text: str) -> None:
    assert read(text).root is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1, 2\n", 2),
        ("a: 1\n b: 2\n", 2),
        ("a: 'x\n", 2),
        ("a: {b: 1\nc: 2\n", 2),
        ("a: 1\n}\n", 2),
        ("a\nb: 1\n", 2),
    ],
)
def test_what_is_not_yaml_is_refused_at_its_line(text: str, line: int) -> None:
    problem = only(text)
    assert problem.code == "yaml-syntax"
    assert problem.where is not None
    assert problem.where.line == line
    assert problem.hint


def test_a_tab_for_indentation_is_named_as_such() -> None:
    problem = only("a:\n\tb: 1\n")
    assert problem.code == "yaml-syntax"
    assert problem.where is not None
    assert problem.where.line == 2
    assert "tab" in (problem.hint or "")
    assert "spaces" in (problem.hint or "")


@pytest.mark.parametrize("value", ["@daily", "%n", "`x`", "*", "*.mail", "[*]", "[*.mail]"])
def test_a_value_that_must_be_quoted_is_told_so(value: str) -> None:
    problem = only(f"a: 1\nb: {value}\n")
    assert problem.where is not None
    assert problem.where.line == 2
    assert "quotes" in (problem.hint or "")


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x08"])
@pytest.mark.parametrize("before", ["a: 1\n", "# é à ü ï ö 日本語\n"], ids=["ascii", "wide"])
def test_a_control_character_is_refused_at_its_line(character: str, before: str) -> None:
    problem = only(before + f"b: x{character}y\n" + "c: 1\n" * 40)
    assert problem.code == "yaml-character"
    assert problem.where is not None
    assert problem.where.line == 2


@pytest.mark.parametrize("character", ["\u202a", "\u202e", "\u2066", "\u2069"])
def test_a_character_that_turns_the_text_around_is_refused_at_its_line(character: str) -> None:
    problem = only(f"a: 1\nb: x{character}y\n")
    assert problem.code == "yaml-character"
    assert problem.where is not None
    assert problem.where.line == 2
    assert f"{ord(character):04X}" in problem.message
    assert character not in problem.message


# What hostile text costs


def took(text: str) -> float:
    begin = time.perf_counter()
    with contextlib.suppress(FileInvalid):
        read(text)
    return time.perf_counter() - begin


def alias_bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    return "\n".join(lines) + "\n"


def test_an_alias_bomb_is_read_without_being_expanded() -> None:
    tracemalloc.start()
    try:
        seconds = took(alias_bomb(30))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < 1
    assert most < 5 * 2**20
    root = read(alias_bomb(30)).root
    assert root["a29"][0] is root["a29"][9] is root["a28"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "\n".join(" " * depth + "a:" for depth in range(1000)),
        "- " * 1000 + "a",
        "? " * 1000 + "a",
    ],
    ids=["lists", "mappings", "blocks", "dashes", "keys"],
)
def test_a_depth_bomb_is_refused(text: str) -> None:
    begin = time.perf_counter()
    found = problems(text)
    assert time.perf_counter() - begin < 1
    assert "yaml-depth" in {problem.code for problem in found}


def test_the_deepest_that_is_let_in() -> None:
    assert read("[" * MOST_DEPTH + "]" * MOST_DEPTH).root is not None
    assert only("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1)).code == "yaml-depth"


@pytest.mark.parametrize(
    "number", ["9" * 10**7, "-" + "9" * 10**7, "0x" + "f" * 10**7], ids=["plain", "negative", "hex"]
)
def test_a_number_of_ten_million_digits_is_refused_at_once(number: str) -> None:
    begin = time.perf_counter()
    problem = only(f"a: 1\nb: {number}\n")
    assert time.perf_counter() - begin < 2
    assert (problem.code, problem.where) == ("yaml-number", Where(NAME, 2, 4))
    assert len(str(problem)) < 200


def test_ten_million_digits_in_quotes_are_text() -> None:
    assert read(f"a: '{'9' * 10**7}'\n").root == {"a": "9" * 10**7}


def test_a_text_that_is_too_large_is_not_read() -> None:
    problem = only("#" * (MOST_BYTES + 1))
    assert problem.code == "file-too-large"
    assert str(MOST_BYTES) in str(problem)


@pytest.mark.parametrize(
    "text",
    ["a: [" + "[]," * MOST_VALUES + "]", "".join(f"k{number}: 1\n" for number in range(MOST_VALUES // 2 + 1))],
    ids=["values", "keys"],
)
def test_more_values_than_are_let_in(text: str) -> None:
    problem = only(text)
    assert (problem.code, problem.where is not None) == ("file-too-large", True)


def test_as_many_values_as_are_let_in() -> None:
    assert (
        len(read("".join(f"k{number}: 1\n" for number in range((MOST_VALUES - 1) // 2))).root) == (MOST_VALUES - 1) // 2
    )


def test_reading_stops_after_many_problems() -> None:
    with pytest.raises(FileInvalid) as caught:
        read("".join(f"k{number}: !tag 1\n" for number in range(10 * MOST_PROBLEMS)))
    assert len(caught.value.problems) == MOST_PROBLEMS


def test_a_long_key_is_refused_and_not_repeated() -> None:
    problem = only(f"? {'a' * (MOST_KEY + 1)}\n: 1\n")
    assert problem.code == "yaml-key"
    assert len(str(problem)) < MOST_KEY


def test_a_text_of_the_largest_size_is_read() -> None:
    assert read("#" * MOST_BYTES).root is None


# The environment


def test_a_plain_scalar_gets_its_type_after_the_environment_is_put_in() -> None:
    document = read(
        "a: ${N}\nb: ${N}0\nc: ${FLAG}\nd: ${NOTHING:-7}\ne: ${NOTHING:-}\nf: ${N:-9}\ng: x${N}\n", N="5", FLAG="true"
    )
    assert document.root == {"a": 5, "b": 50, "c": True, "d": 7, "e": None, "f": 5, "g": "x5"}


def test_what_is_quoted_stays_text_after_the_environment_is_put_in() -> None:
    document = read("a: \"${N}\"\nb: '${N}'\nc: |-\n  ${N}\n", N="5")
    assert document.root == {"a": "5", "b": "5", "c": "5"}


def test_a_variable_cannot_add_structure() -> None:
    hostile = "x: {y: 1}\n- z # c\n&a *b !!python/name:os.system"
    assert read("a: ${V}\nb: [1, '${V}']\n", V=hostile).root == {"a": hostile, "b": [1, hostile]}


def test_a_variable_is_not_looked_into_for_others() -> None:
    assert read("a: ${V}\n", V="${SECRET}", SECRET="canary").root == {"a": "${SECRET}"}


def test_a_huge_number_in_a_variable_is_refused() -> None:
    assert only("a: ${V}\n", V="9" * 100_000).code == "yaml-number"


def test_each_unset_variable_is_reported_at_its_line_with_the_way_to_a_default() -> None:
    found = problems("a: 1\nb:\n  - x\n  - ${NOPE}\nc: '${NOR_THIS}'\n")
    assert [(problem.code, problem.where) for problem in found] == [
        ("environment", Where(NAME, 4, 5)),
        ("environment", Where(NAME, 5, 4)),
    ]
    assert "NOPE" in found[0].message
    assert found[0].hint is not None
    assert "${NOPE:-" in found[0].hint


def test_keys_are_taken_as_they_stand() -> None:
    assert read("${KEY}: 1\n").root == {"${KEY}": 1}


def test_the_text_before_the_environment_was_put_in_is_kept_for_scalars_only() -> None:
    document = read("broker: ${URL}\nplain: x\nouter: {inner: '${URL}', last: [\"${URL}\"]}\n", URL="redis://h")
    assert document.as_written(("broker",)) == "${URL}"
    assert document.as_written(("plain",)) is None
    assert document.as_written(("outer", "inner")) == "${URL}"
    assert document.as_written(("outer",)) is None
    assert document.as_written(("outer", "last")) is None


# PyYAML without libyaml

TEXTS: Mapping[str, str] = {
    "values": "a: [yes, 0o17, 1e3, ~, '1', \"x\"]\nb:\n  c: {d: é}\n",
    "duplicate": "a: 1\nb: 2\na: 3\n",
    "tag": "a: !!python/object/apply:os.system [x]\n",
    "alias": "a: *x\n",
    "documents": "a: 1\n---\nb: 1\n",
    "empty": "",
    "depth": "[" * 40 + "]" * 40,
    "number": "a: " + "9" * 10_000,
    "nul": "# é\na: \0\nb: 1\n",
    "syntax": "a: [1\n",
    "unset": "a: ${NOPE}\n",
}

SUMMARY = """
import json, sys
if {without}:
    sys.modules["yaml._yaml"] = None
from allotment.errors import FileInvalid
from allotment.source import yaml_text
found = {{"parser": yaml_text.EventParser.__name__}}
for name, text in json.load(sys.stdin).items():
    try:
        read = yaml_text.read_document(text, "f", {{}})
        found[name] = [read.root, [[one.keys, one.values] for one in read.places.values()]]
    except FileInvalid as error:
        found[name] = [[one.code, one.where.line] for one in error.problems]
print(json.dumps(found))
"""


def summary(*, without_libyaml: bool) -> dict[str, Any]:
    child = subprocess.run(
        [sys.executable, "-c", SUMMARY.format(without=without_libyaml)],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(child.stdout)
    return found


@pytest.mark.skipif(yaml_text.EventParser.__name__ != "CParser", reason="PyYAML has no libyaml here")
def test_reading_is_the_same_without_libyaml() -> None:
    with_it, without_it = summary(without_libyaml=False), summary(without_libyaml=True)
    assert with_it.pop("parser") == "CParser"
    assert without_it.pop("parser") != "CParser"
    assert with_it.keys() == TEXTS.keys()
    for name in TEXTS:
        assert without_it[name] == with_it[name], name
