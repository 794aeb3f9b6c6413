"""`${NAME}` and `${NAME:-default}`."""

import pytest

from allotment.source.environment import UnsetVariable, expand, references

ENVIRONMENT = {"HOST": "broker.example", "EMPTY": "", "REFERS": "${HOST}"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("redis://${HOST}/0", "redis://broker.example/0"),
        ("${HOST}${HOST}", "broker.examplebroker.example"),
        ("${HOST:-other}", "broker.example"),
        ("${NOPE:-other}", "other"),
        ("${NOPE:-}", ""),
        ("${NOPE:-redis://:pw@h:1/0?a=b}", "redis://:pw@h:1/0?a=b"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY}", ""),
        ("${REFERS}", "${HOST}"),
        ("$HOST", "$HOST"),
        ("$(HOST)", "$(HOST)"),
        ("${}", "${}"),
        ("${1X}", "${1X}"),
        ("${HOST", "${HOST"),
        ("no reference", "no reference"),
    ],
)
def test_references_are_replaced_and_nothing_else_is(text: str, value: str) -> None:
    assert expand(text, ENVIRONMENT) == value


def test_an_unset_variable_without_a_default_is_named() -> None:
    with pytest.raises(UnsetVariable) as caught:
        expand("${HOST} ${NOPE}", ENVIRONMENT)
    assert caught.value.name == "NOPE"


def test_the_references_of_a_text_are_listed_with_their_defaults() -> None:
    assert references("redis://${HOST}:${PORT:-6379}/${DB:-}") == [("HOST", None), ("PORT", "6379"), ("DB", "")]
    assert references("embedded") == []
