"""Edits: the value asked for changes, every other value and every comment stays."""

import copy
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allotment.rules.fixing import changed_lines, edited, edited_in_groups
from allotment.rules.rule import Edit
from allotment.source.yaml_text import read_document

NAME = "fleet.yaml"


def after(text: str, *edits: Edit) -> str:
    return edited(read_document(text, NAME, {}), edits).get(NAME, text)


@pytest.mark.parametrize(
    ("text", "edit", "result"),
    [
        ("a: 1 # one\nb: 2\n", Edit(("a",), "3"), "a: 3 # one\nb: 2\n"),
        ("a: 'x' # one\n", Edit(("a",), "3"), "a: 3 # one\n"),
        ("a: {b: 1, c: 2} # x\n", Edit(("a", "b"), "3"), "a: {b: 3, c: 2} # x\n"),
        ("a: [1, 2]\n", Edit(("a", 1), "3"), "a: [1, 3]\n"),
        ("a:\n  - 1 # x\n  - 2\n", Edit(("a", 0), "3"), "a:\n  - 3 # x\n  - 2\n"),
        ("a:\nb: 2\n", Edit(("a",), "3"), "a: 3\nb: 2\n"),
        # a key that is not there yet
        ("a:\n  b: 1 # x\nc: 2\n", Edit(("a", "d"), "3"), "a:\n  b: 1 # x\n  d: 3\nc: 2\n"),
        (
            "a:\n  b:\n    - 1\n    - 2 # x\nc: 2\n",
            Edit(("a", "d"), "3"),
            "a:\n  b:\n    - 1\n    - 2 # x\n  d: 3\nc: 2\n",
        ),
        ("a: {b: 1} # x\n", Edit(("a", "d"), "3"), "a: {b: 1, d: 3} # x\n"),
        ("a: {} # x\n", Edit(("a", "d"), "3"), "a: {d: 3} # x\n"),
        ("a: {b: 1,} # x\n", Edit(("a", "d"), "3"), "a: {d: 3, b: 1,} # x\n"),
        ("a: {\n  b: 1, # x\n  c: 2 # y\n}\n", Edit(("a", "d"), "3"), "a: {d: 3, \n  b: 1, # x\n  c: 2 # y\n}\n"),
        ("a:\nb: 1\n", Edit(("a", "d"), "3"), "a: {d: 3}\nb: 1\n"),
        ("a: 1\n# the end\n", Edit(("d",), "3"), "a: 1\nd: 3\n# the end\n"),
        ("a: 1", Edit(("d",), "3"), "a: 1\nd: 3"),
        ("a: 1\n", Edit(("d", "e", "f"), "3"), "a: 1\nd: {e: {f: 3}}\n"),
        ("a: 1\r\nb: 2\r\n", Edit(("d",), "3"), "a: 1\r\nb: 2\r\nd: 3\r\n"),
        ("\ufeffa: 1\n", Edit(("a",), "3"), "\ufeffa: 3\n"),
        ("# ü\nü: {ö: 1} # ä\n", Edit(("ü", "ö"), "3"), "# ü\nü: {ö: 3} # ä\n"),
        # beside a block scalar, which libyaml ends at the beginning of the next line
        ("a:\n  b: |\n    x\nc: 2\n", Edit(("a", "d"), "3"), "a:\n  b: |\n    x\n  d: 3\nc: 2\n"),
        ("a:\n  b: >-\n    x\n\n# y\nc: 2\n", Edit(("a", "d"), "3"), "a:\n  b: >-\n    x\n  d: 3\n\n# y\nc: 2\n"),
        ("a: |\n  x\nb: 2\n", Edit(("a",), "3"), "a: 3\nb: 2\n"),
        ("a: 1\nb: |\n  x\n  y\nc: 3\n", Edit(("b",), None), "a: 1\nc: 3\n"),
        # JSON stays JSON
        ('{"a": {"b": 1}}\n', Edit(("a", "d"), "x-y"), '{"a": {"b": 1, "d": "x-y"}}\n'),
        ('{\n  "a": 1\n}\n', Edit(("d", "e"), "x"), '{"d": {"e": "x"}, \n  "a": 1\n}\n'),
        ('{\n  "a": 1,\n  "b": 2\n}\n', Edit(("b",), None), '{\n  "a": 1\n}\n'),
        ("# x\n{a: 1, b: 2}\n", Edit(("d",), "3"), "# x\n{d: 3, a: 1, b: 2}\n"),
        # anchors, and what else libyaml takes for the end of a line
        ("a: &x {b: 1} # x\n", Edit(("a", "d"), "3"), "a: &x {b: 1, d: 3} # x\n"),
        ("a: &x {b: 1, c: 2}\n", Edit(("a", "c"), None), "a: &x {b: 1}\n"),
        ("# \u2028# \x85a: 'x\u2029y'\nb: 2\n", Edit(("b",), "3"), "# \u2028# \x85a: 'x\u2029y'\nb: 3\n"),
        # a key taken away
        ("a: { # ours,\n  b: 8, c: 2\n}\n", Edit(("a", "b"), None), "a: { # ours,\n  c: 2\n}\n"),
        ("a: {b: 8, # ours,\n  c: 2\n}\n", Edit(("a", "c"), None), "a: {b: 8, # ours,\n  \n}\n"),
        ("a: {b: 1\n  , c: 2}\n", Edit(("a", "c"), None), "a: {b: 1\n  }\n"),
        ("a: {b: 1\n  , c: 2}\n", Edit(("a", "b"), None), "a: {c: 2}\n"),
        ("a: 1\r\nb: 2\r\n", Edit(("a",), None), "b: 2\r\n"),
        ("a: 1\nb: 2 # x\nc: 3\n", Edit(("b",), None), "a: 1\nc: 3\n"),
        ("a:\n  b: 1\n  c:\n    d: 2\ne: 3\n", Edit(("a", "c"), None), "a:\n  b: 1\ne: 3\n"),
        ("a: {b: 1, c: 2}\n", Edit(("a", "b"), None), "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", Edit(("a", "c"), None), "a: {b: 1}\n"),
        ("a: {b: 1}\n", Edit(("a", "b"), None), "a: {}\n"),
        ("a: 1\nb: 2", Edit(("b",), None), "a: 1\n"),
        ("a: 1\n", Edit(("b",), None), "a: 1\n"),
    ],
)
def test_only_what_is_asked_for_changes(text: str, edit: Edit, result: str) -> None:
    assert after(text, edit) == result


def test_several_edits_of_one_file_go_together() -> None:
    text = "a: {b: 1}\nc: 2 # x\nd: 3\n"
    assert after(text, Edit(("d",), None), Edit(("a", "b"), "9"), Edit(("c",), "8")) == "a: {b: 9}\nc: 8 # x\n"


def test_the_second_of_two_edits_of_one_place_is_left_out() -> None:
    assert after("a: {b: 1}\n", Edit(("a", "b"), "2"), Edit(("a", "b"), "3")) == "a: {b: 2}\n"


def test_edits_in_each_others_way_go_one_after_another() -> None:
    text = "a:\n  b: ${UNSET:-1}\n  c: {d: 1}\n"
    assert after(text, Edit(("a", "e"), "5"), Edit(("a", "c"), None)) == "a:\n  b: ${UNSET:-1}\n  e: 5\n"
    assert after("a: {b: 1}\n", Edit(("a", "e"), "5"), Edit(("a", "b"), None)) == "a: {e: 5}\n"


def test_what_is_added_at_one_place_keeps_its_depth() -> None:
    text = "a:\n  b:\n    c: 1\n"
    edits = [Edit(("d",), "2"), Edit(("a", "b", "e"), "3"), Edit(("a", "f"), "4")]
    for order in (edits, edits[::-1]):
        assert after(text, *order) == "a:\n  b:\n    c: 1\n    e: 3\n  f: 4\nd: 2\n"


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("a: &x {b: 1}\nc: *x\n", Edit(("a", "b"), "2")),
        ("a: &x {b: 1}\nc: *x\n", Edit(("c", "b"), None)),
        ("a: &x\n  b: 1\nc: *x\n", Edit(("c", "d"), "2")),
        ("a: &x 1\nc: *x\n", Edit(("a",), "2")),
        ("a: |+\n  x\n\nb: 1\n", Edit(("a", "d"), "2")),
        ("a: [1, 2]\n", Edit(("a", 0), None)),
        ("a: [1, 2]\n", Edit(("a", 5), "3")),
        ("a: 1\n", Edit(("a", "d"), "3")),
        ("a: 1\n", Edit(("d",), "{")),
        ("a: 1\n", Edit(("d",), "2\ne: 3")),
        ("a: 1\n", Edit(("d: 1\ne",), "3")),
        ("a: 1 # x\n", Edit(("a",), "2 # y\n#")),
    ],
)
def test_what_would_not_come_out_as_asked_is_left_out_and_nothing_else(text: str, edit: Edit) -> None:
    if edit.value != "2 # y\n#":
        assert after(text, edit) == text
    assert after(f"{text}z: 1\n", edit, Edit(("z",), "9")).endswith("z: 9\n")


def test_a_place_that_an_alias_shows_changes_when_all_that_show_it_ask_for_it() -> None:
    for text in ("a: &x {b: 1}\nc: *x\n", "a: &x\n  b: 1\nc: *x\n"):
        result = read_document(after(text, Edit(("a", "d"), "2"), Edit(("c", "d"), "2")), NAME, {})
        assert result.root == {"a": {"b": 1, "d": 2}, "c": {"b": 1, "d": 2}}


@pytest.mark.parametrize("asked", [3000, 2999])
def test_many_aliases_of_one_place_take_no_time(asked: int) -> None:
    text = "p0: &x {a: 1}\n" + "".join(f"p{number}: *x\n" for number in range(1, 3000))
    start = time.monotonic()
    result = after(text, *(Edit((f"p{number}", "b"), "2") for number in range(asked)))
    assert time.monotonic() - start < 5
    assert result == (text.replace("{a: 1}", "{a: 1, b: 2}") if asked == 3000 else text)


def test_aliases_of_aliases_are_compared_once() -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 25))
    assert after(text, Edit(("b",), "1")) == text + "b: 1\n"


def test_a_group_is_made_whole_or_left_out() -> None:
    document = read_document("a: {b: 1}\nc: &x {d: 1}\ne: *x\n", NAME, {})
    groups = [[Edit(("a", "b"), "2"), Edit(("c", "d"), "2")], [Edit(("a", "f"), "3")]]
    fixed = edited_in_groups(document, groups)
    assert fixed.texts == {NAME: "a: {b: 1, f: 3}\nc: &x {d: 1}\ne: *x\n"}
    assert fixed.left_out == {0}


@pytest.mark.parametrize(
    "address",
    [
        "amqp://me:S3CRET@host//",
        "redis://:S3'CRET@h",
        "amqp://u:S3@CRET@p@h",
        "redis://h?password=S3CRET",
        "x://S3CRET",
    ],
)
def test_a_difference_shows_no_password(address: str) -> None:
    before = {NAME: f"broker: {address}\nb: 2\n"}
    shown = changed_lines(before, {NAME: before[NAME].replace("b: 2", "b: 3")})
    assert "CRET" not in shown
    assert "://…" in shown


def test_a_difference_at_the_end_of_a_file_without_a_line_break_is_told() -> None:
    assert changed_lines({NAME: "b: 2"}, {NAME: "b: 3"}).splitlines()[3:] == [
        "-b: 2",
        "\\ No newline at end of file",
        "+b: 3",
        "\\ No newline at end of file",
    ]


def test_a_difference_is_shown_as_a_diff() -> None:
    before = {NAME: "a: 1\nb: 2\n"}
    assert changed_lines(before, {NAME: "a: 1\nb: 3\n"}).splitlines()[2:] == [
        "@@ -1,2 +1,2 @@",
        " a: 1",
        "-b: 2",
        "+b: 3",
    ]


keys = st.sampled_from(["one", "two", "three", "four"])
scalars = st.one_of(st.integers(0, 99), st.sampled_from(["text", "a b", "ä", "1h"]))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)


class Writer:
    """Writes values as YAML, in block or in flow style as chosen, with comments between."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def lines(self, value: Any, indent: str) -> list[str]:
        """Give a block: what stands below a key."""
        found = []
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            mark = f"{key}:" if isinstance(value, dict) else "-"
            if self.draw(st.booleans()):
                found.append(f"{indent}# before {mark}")
            comment = " # beside" if self.draw(st.booleans()) else ""
            if isinstance(inner, (dict, list)) and inner and self.draw(st.booleans()):
                found.append(f"{indent}{mark}{comment}")
                found += self.lines(inner, indent + "  ")
            else:
                found.append(f"{indent}{mark} {flow(inner)}{comment}")
        return found


def flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    return str(value)


def paths_of(value: Any) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += [(key,), *((key, *rest) for rest in paths_of(inner))]
    return found


def changed(value: Any, edit: Edit) -> Any:
    """Give what the edit should come to."""
    result = copy.deepcopy(value)
    inner = result
    for step in edit.path[:-1]:
        inner = inner[step]
    if edit.value is None:
        inner.pop(edit.path[-1], None)
    else:
        inner[edit.path[-1]] = int(edit.value)
    return result


@given(st.dictionaries(keys, trees, min_size=1), st.data())
def test_whatever_the_style_the_values_come_out_as_asked(root: dict[str, Any], data: st.DataObject) -> None:
    text = "\n".join(Writer(data.draw).lines(root, "")) + "\n"
    assert read_document(text, NAME, {}).root == root
    mappings = [(), *(path for path in paths_of(root) if isinstance(at(root, path), dict))]
    path = (*data.draw(st.sampled_from(mappings)), data.draw(keys))
    edit = Edit(path, data.draw(st.sampled_from(["7", None])))
    if edit.value is None and len(path) == 1 and set(root) == {path[0]}:
        return  # an empty file is no fleet
    wanted = changed(root, edit)
    result = after(text, edit)
    assert emptied(read_document(result, NAME, {}).root) == emptied(wanted)
    kept = re.findall(r"^ *# before.*", text, re.MULTILINE)
    if edit.value is not None and edit.path not in paths_of(root):
        assert re.findall(r"^ *# before.*", result, re.MULTILINE) == kept
        assert result.count("# beside") == text.count("# beside")


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def emptied(value: Any) -> Any:
    """Take an empty mapping in block style, of which nothing is left to read, for nothing."""
    if isinstance(value, dict):
        return {key: emptied(inner) for key, inner in value.items()} or None
    return [emptied(inner) for inner in value] if isinstance(value, list) else value
