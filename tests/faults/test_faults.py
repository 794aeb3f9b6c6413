"""The fault matrix in its short form, and proof that it can fail."""

import pytest

from allotment.testing.faults.bench import Bench, pairs
from allotment.testing.faults.brokers import BROKERS
from allotment.testing.faults.case import EVERY, Case, cases
from allotment.testing.faults.outcome import Outcome, Status
from allotment.testing.fixtures import require

SHORT = [(case, broker) for case, broker in pairs(cases(), EVERY, short=True) if not case.elsewhere]
LOST = "a message is lost"
EMPTY = "the queues are empty in the end"


def _shown(outcome: Outcome) -> str:
    failed = [f"{check.what}: {check.seen}" for check in outcome.checks if not check.holds]
    return f"{outcome.status}: {outcome.note} {failed} {outcome.verdict}"


def _named(number: str) -> Case:
    return next(case for case in cases() if case.number == number)


def _failed(outcome: Outcome) -> set[str]:
    """Give what was not as promised, in the words of the checks."""
    lost = {LOST} if outcome.verdict and outcome.verdict.lost else set()
    return lost | {check.what for check in outcome.checks if not check.holds}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("case", "broker"), SHORT, ids=[f"{case.number}-{broker}" for case, broker in SHORT])
def test_nothing_is_lost(bench: Bench, case: Case, broker: str) -> None:
    require(BROKERS[broker])
    outcome = bench.run(case, broker)
    if outcome.status is Status.SKIPPED:
        pytest.skip(outcome.note)
    assert outcome.status is Status.KEPT, _shown(outcome)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("safeguard", "number", "broker", "fails"),
    [
        ("guard", "F8", "redis", {"what another worker has runs there", "it is set aside: unknown-task"}),
        ("dead-letter", "F9", "redis", {"it is set aside: undecodable"}),
        ("late-acks", "F1", "redis", {LOST}),
        ("lock", "F19", "redis", {"the second is refused"}),
        ("atomic-take", "F24b", "redis", {LOST}),
        ("confirms", "F6", "rabbitmq-classic", {LOST, "the publisher is told: QueueFull"}),
        ("delivery-limit", "F3", "redis", {"it runs at most 4 times", "it is set aside as delivered too often"}),
    ],
)
def test_without_a_safeguard_its_case_fails(safeguard: str, number: str, broker: str, fails: set[str]) -> None:
    require(BROKERS[broker])
    with Bench(without=[safeguard]) as weakened:
        outcome = weakened.run(_named(number), broker)
    assert outcome.landed, _shown(outcome)
    assert outcome.status is Status.BROKEN, _shown(outcome)
    assert fails <= _failed(outcome), _shown(outcome)
    assert LOST not in fails or EMPTY not in _failed(outcome), f"what is lost may yet come: {_shown(outcome)}"
