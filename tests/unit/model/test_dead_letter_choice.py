"""Which dead letters a filter and ids mean."""

import pytest

from allotment.errors import UnknownName
from allotment.model.dead_letter import DeadLetter
from allotment.model.dead_letter_choice import DeadLetterFilter, chosen, named_by, repeated

NOW = 1000.0
EVERY = DeadLetterFilter()


def letter(digest: str, **said: object) -> DeadLetter:
    return DeadLetter(
        digest, **{"task": "shop.add", "reason": "unknown-task", "queue": "orders", "time": 900.0, **said}
    )


def digests(letters) -> str:
    return "".join(letter.digest for letter in letters)


LETTERS = [
    letter("a", time=500.0),
    letter("b", time=None, task=None),
    letter("c", time=400.0, task="shop.sub"),
    letter("d", reason="undecodable", queue="orders:left"),
    letter("e", time=2000.0, task="mail.send"),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EVERY, "bcade"),
        (DeadLetterFilter(tasks=("shop.*",)), "cad"),
        (DeadLetterFilter(tasks=("shop.add", "mail.*")), "ade"),
        (DeadLetterFilter(reasons=frozenset({"undecodable"})), "d"),
        (DeadLetterFilter(queues=frozenset({"orders:left", "other"})), "d"),
        (DeadLetterFilter(older_than=500.0), "c"),
        (DeadLetterFilter(older_than=499.9), "ca"),
        (DeadLetterFilter(newer_than=500.0), "de"),
        (DeadLetterFilter(newer_than=600.1, older_than=50.0), "cad"),
        (DeadLetterFilter(most=2), "bc"),
        (DeadLetterFilter(tasks=("shop.add",), most=1), "a"),
    ],
)
def test_filters_hold_together_and_the_oldest_come_first(wanted: DeadLetterFilter, expected: str) -> None:
    assert digests(chosen(LETTERS, wanted, NOW)) == expected


def test_ids_and_a_filter_hold_together() -> None:
    assert digests(chosen(LETTERS, DeadLetterFilter(tasks=("shop.*",)), NOW, ["a", "b"])) == "a"


NAMED = [letter("11", id="aab"), letter("12", id="aab"), letter("13", id="aac"), letter("14", id="aa"), letter("aabb")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("aab", "1112"), ("aac", "13"), ("aa", "14"), ("12", "12"), ("aabb", "aabb")],
)
def test_an_id_its_beginning_or_a_digest_names_letters(text: str, expected: str) -> None:
    assert digests(named_by(text, NAMED)) == expected


@pytest.mark.parametrize(
    ("text", "told"), [("x", "no dead letter"), ("", "no dead letter"), ("a", "of 4 ids"), ("1", "no")]
)
def test_what_names_none_or_several_ids_is_refused(text: str, told: str) -> None:
    with pytest.raises(UnknownName, match=told):
        named_by(text, NAMED)


def test_repeated_ids_are_counted() -> None:
    assert repeated(NAMED) == {"aab": 2}
