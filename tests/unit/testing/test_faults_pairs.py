"""Which cases are run on which brokers, and what is only told."""

from allotment.testing.faults.bench import pairs
from allotment.testing.faults.case import Case
from allotment.testing.faults.scene import Scene


def _nothing(scene: Scene) -> None:
    """Nothing."""


SHARED = Case("F1", "shared", _nothing, brokers=("redis", "valkey"), short=("redis",))
ALONE = Case("F2", "alone", _nothing, brokers=("redis", "embedded"), alone=True)
ELSEWHERE = Case("F3", "elsewhere", _nothing, elsewhere="there is none yet")


def _pairs(*brokers: str, short: bool = False) -> list[tuple[str, str]]:
    return [(case.number, broker) for case, broker in pairs([ALONE, SHARED, ELSEWHERE], brokers, short=short)]


def test_broker_by_broker_and_those_that_share_a_fleet_first() -> None:
    assert _pairs("redis", "valkey") == [("F1", "redis"), ("F2", "redis"), ("F1", "valkey"), ("F3", "redis")]


def test_a_case_that_none_of_the_brokers_has_is_told_once() -> None:
    assert _pairs("rabbitmq-quorum", "valkey") == [
        ("F1", "valkey"), ("F2", "rabbitmq-quorum"), ("F3", "rabbitmq-quorum"),
    ]  # fmt: skip


def test_the_short_form_leaves_out_what_it_does_not_run() -> None:
    assert _pairs("redis", "valkey", short=True) == [("F1", "redis"), ("F3", "redis")]
