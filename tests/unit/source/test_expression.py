"""Workflow expressions: what is read, and that nothing of it runs or grows."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.errors import ExitCode, ExpressionInvalid
from allotment.source.expression import MOST_CHARACTERS, Call, Sequence, Step, Together, read_expression

A, B, C, D = Call("A"), Call("B"), Call("C"), Call("D")


def outcome(text: str) -> Step | ExpressionInvalid:
    try:
        return read_expression(text)
    except ExpressionInvalid as error:
        return error


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("A", A),
        ("  A  ", A),
        ("(A)", A),
        ("shop.mail.send", Call("shop.mail.send")),
        ('"shop:send-mail"', Call("shop:send-mail")),
        ("A | B", Sequence((A, B))),
        ("A|B|C", Sequence((A, B, C))),
        ("A | (B | C) | D", Sequence((A, B, C, D))),
        ("[A, B]", Together((A, B))),
        ("(A, B)", Together((A, B))),
        ("[A]", Together((A,))),
        ("A | [B, C | D] | A", Sequence((A, Together((B, Sequence((C, D)))), A))),
        ("[[A, B], C]", Together((Together((A, B)), C))),
        ("A()", A),
        (
            'A(1, -2.5, "x", True, None, [1], {"k": 2}, name="y")',
            Call("A", (1, -2.5, "x", True, None, [1], {"k": 2}), {"name": "y"}),
        ),
        ('shop.send("a") | B', Sequence((Call("shop.send", ("a",)), B))),
        ('"a b"(1)', Call("a b", (1,))),
    ],
)
def test_what_an_expression_means(text: str, step: Step) -> None:
    assert read_expression(text) == step


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "A |",
        "| A",
        "A | | B",
        "A B",
        "A & B",
        "A + B",
        "A or B",
        "[A, B",
        "[]",
        "()",
        "A | []",
        "1",
        "A | 1",
        "A(B)",
        "A(x)",
        "A(1 + 1)",
        "A(2 ** 99)",
        "A(*[1])",
        "A(**{})",
        "A(x for x in y)",
        "A(1)(2)",
        "A[0]",
        "[*A]",
        "{A, B}",
        "lambda: A",
        "A if B else C",
        "A := B",
        "A; B",
        "A = B",
        "import os",
        "A\nB",
        "A\0",
        'f"{A}"',
        "shop.import.x",
        "A(x=1, x=2)",
        "A(" + "9" * 5000 + ")",
    ],
)
def test_anything_else_is_refused_with_the_form_it_should_have(text: str) -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        read_expression(text)
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert len(caught.value.message) < 200


def test_nothing_of_an_expression_is_run(tmp_path) -> None:
    canary = tmp_path / "canary"
    for text in (
        f"__import__('os').system('touch {canary}')",
        f"open({str(canary)!r}, 'w')",
        f"A(open({str(canary)!r}, 'w'))",
        f"A(name=__import__('os').system('touch {canary}'))",
    ):
        outcome(text)  # whether it reads as a task's name and literals or not
    assert not canary.exists()


@pytest.mark.parametrize(("text", "column"), [("A | | B", 5), ("     A | | B", 10)])
def test_the_column_at_fault_is_counted_in_the_text_as_it_was_given(text: str, column: int) -> None:
    with pytest.raises(ExpressionInvalid, match=rf"column {column}\b"):
        read_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        " | ".join(["A"] * 2000),
        "A|" * 4000 + "A",
        "not " * 2000 + "A",
        ".".join(["a"] * 4000),
        "[" * 4000 + "A" + "]" * 4000,
        "A(" + "[" * 4000 + "]" * 4000 + ")",
        "A(" + "-" * 4000 + "1)",
        "A" * (MOST_CHARACTERS + 1),
    ],
    ids=["chain", "tight chain", "not", "dots", "brackets", "lists", "signs", "long"],
)
def test_a_long_or_deep_expression_is_read_or_refused_at_once(text: str) -> None:
    begin = time.perf_counter()
    step = outcome(text)
    assert time.perf_counter() - begin < 1
    if isinstance(step, ExpressionInvalid):
        assert len(str(step)) < 400
    else:
        assert isinstance(step, Sequence)
        assert len(step.steps) == text.count("A")


def written(step: Step) -> str:
    if isinstance(step, Sequence):
        return " | ".join(written(one) for one in step.steps)
    if isinstance(step, Together):
        return f"[{', '.join(written(one) for one in step.steps)}]"
    arguments = [*map(repr, step.args), *(f"{name}={value!r}" for name, value in step.kwargs.items())]
    return f"{step.task}({', '.join(arguments)})" if arguments else step.task


calls = st.builds(
    Call,
    st.from_regex(r"[a-z]_[a-z]{0,3}(\.[a-z]_){0,2}", fullmatch=True),
    st.lists(st.integers() | st.text(max_size=3) | st.none() | st.booleans(), max_size=2).map(tuple),
    st.dictionaries(st.sampled_from(["x", "y"]), st.integers(), max_size=2),
)
# A sequence in a sequence is one sequence, so none is made inside another.
sides = st.deferred(lambda: calls | st.builds(Together, st.lists(steps, min_size=1, max_size=3).map(tuple)))
steps = calls | st.deferred(lambda: sides | st.builds(Sequence, st.lists(sides, min_size=2, max_size=3).map(tuple)))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(steps)
def test_what_is_written_is_read_again(step: Step) -> None:
    assert read_expression(written(step)) == step


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(alphabet="AB|[](),.\"'1 =*{}:", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert isinstance(outcome(text), (Call, Sequence, Together, ExpressionInvalid))
