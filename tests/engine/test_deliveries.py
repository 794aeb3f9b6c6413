"""How often a message was delivered before, as its headers say it."""

import pytest

from allotment.engine.deliveries import carried_over, deliveries


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, 0),
        ({}, 0),
        ({"x-delivery-count": 2}, 2),
        ({"allotment_deliveries": 3}, 3),
        ({"x-delivery-count": 2, "allotment_deliveries": 3}, 5),
        ({"x-delivery-count": "2", "allotment_deliveries": [3]}, 0),
        ({"x-delivery-count": -1, "allotment_deliveries": True}, 0),
    ],
)
def test_both_counts_are_added_up(headers: dict[str, object] | None, expected: int) -> None:
    assert deliveries(headers) == expected


def test_a_message_that_is_published_anew_keeps_its_number_when_the_broker_counts_again() -> None:
    first = {"id": "7", "x-delivery-count": 2, "allotment_deliveries": 1}
    second = carried_over(first)
    assert second["id"] == "7"
    assert deliveries(second) == 3
    assert deliveries({**second, "x-delivery-count": 1}) == 4


def test_a_message_that_never_came_back_gets_no_header() -> None:
    assert carried_over({"id": "7"}) == {"id": "7"}
