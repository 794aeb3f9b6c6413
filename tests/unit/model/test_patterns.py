"""Patterns: the key that decides is the one that Celery's own `task_routes` would take."""

import fnmatch

import pytest
from celery.app.routes import MapRoute
from hypothesis import example, given, settings
from hypothesis import strategies as st

from allotment.model.patterns import PatternIndex, is_pattern, matches, sample

steady = settings(derandomize=True, deadline=None, max_examples=500)

LETTERS = "ab.*?[]!-"
keys = st.text(alphabet=LETTERS, min_size=1, max_size=6)
task_names = st.text(alphabet=LETTERS + "\n", max_size=6)


def meaning(key: str) -> str:
    """What Celery files a key under: two spellings of one pattern, `a*` and `a**`, are one route there."""
    return fnmatch.translate(key) if "*" in key else key


route_lists = st.lists(keys, max_size=8, unique_by=meaning)


def celerys_choice(route_keys: list[str], name: str) -> str | None:
    """Which key Celery's router goes by."""
    found = MapRoute([(key, {"queue": key}) for key in route_keys])(name)
    return found["queue"] if found else None


@steady
@given(route_lists, task_names)
@example(["a*", "ab"], "ab")
@example(["*", "a*"], "ab")
@example(["a*", "*"], "ab")
@example(["a?", "[ab]"], "ab")
@example(["[ab]*", "b*"], "b")
@example(["a[*"], "a[b")
@example(["*"], "a\nb")
def test_the_same_key_decides_as_in_celery(route_keys: list[str], name: str) -> None:
    index = PatternIndex((key, key) for key in route_keys)
    assert index.first(name) == celerys_choice(route_keys, name)


@steady
@given(keys, task_names)
def test_one_key_matches_what_it_matches_in_celery(key: str, name: str) -> None:
    assert matches(key, name) == (celerys_choice([key], name) is not None)


@steady
@given(route_lists, task_names)
def test_all_gives_every_key_that_matches_and_no_other(route_keys: list[str], name: str) -> None:
    index = PatternIndex((key, key) for key in route_keys)
    expected = sorted(key for key in route_keys if celerys_choice([key], name) is not None)
    assert sorted(index.all(name)) == expected


@steady
@given(route_lists, task_names)
def test_patterns_come_with_their_place_in_the_order_given(route_keys: list[str], name: str) -> None:
    index = PatternIndex((key, key) for key in route_keys)
    for order, key in index.by_pattern(name):
        assert route_keys[order] == key
        assert "*" in key


@pytest.mark.parametrize(
    ("ordered", "name", "winner"),
    [
        (["shop.*", "shop.video.render"], "shop.video.render", "shop.video.render"),
        (["shop.*", "shop.video.*"], "shop.video.render", "shop.*"),
        (["shop.video.*", "shop.*"], "shop.video.render", "shop.video.*"),
        (["*.render", "shop.*"], "shop.video.render", "*.render"),
        (["shop.*"], "shopping", None),
        (["shop.*"], "shop.", "shop.*"),
        (["SHOP.*"], "shop.a", None),
        (["shop.?"], "shop.a", None),
        (["shop.[ab]"], "shop.a", None),
        (["shop.[ab]*"], "shop.b", "shop.[ab]*"),
        (["shop.[!ab]*"], "shop.b", None),
        ([], "shop.a", None),
    ],
)
def test_exact_beats_patterns_and_patterns_go_in_order(ordered: list[str], name: str, winner: str | None) -> None:
    assert PatternIndex((key, key) for key in ordered).first(name) == winner
    assert celerys_choice(ordered, name) == winner


@pytest.mark.parametrize(("key", "wild"), [("*", True), ("a*b", True), ("a?", False), ("[ab]", False), ("a", False)])
def test_only_a_star_makes_a_pattern(key: str, wild: bool) -> None:
    assert is_pattern(key) is wild


def test_exact_gives_the_values_of_this_very_name_in_order() -> None:
    index = PatternIndex([("a", 1), ("a*", 2), ("a", 3)])
    assert index.exact("a") == [1, 3]
    assert index.exact("ab") == []
    assert index.first("a") == 1


@pytest.mark.parametrize("key", ["a*", "a?*", "[ab]c*", "[!a]b*", "a[*]", "a[?][*]", "[[]b]*", "weird name/ü[[]1][*]"])
def test_a_sample_is_a_name_that_the_key_matches(key: str) -> None:
    assert matches(key, sample(key, "\0"))
