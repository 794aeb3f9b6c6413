"""The fault matrix in its short form, and proof that it can fail."""

import pytest

from allotment.testing.faults.bench import Bench, pairs
from allotment.testing.faults.case import Case, cases
from allotment.testing.faults.outcome import Outcome, Status

BROKERS = ("rabbitmq-quorum", "rabbitmq-classic", "redis", "valkey", "embedded")
SHORT = [(case, broker) for case, broker in pairs(cases(), BROKERS, short=True) if not case.elsewhere]


def _shown(outcome: Outcome) -> str:
    failed = [f"{check.what}: {check.seen}" for check in outcome.checks if not check.holds]
    return f"{outcome.status}: {outcome.note} {failed} {outcome.verdict}"


def _named(number: str) -> Case:
    return next(case for case in cases() if case.number == number)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("case", "broker"), SHORT, ids=[f"{case.number}-{broker}" for case, broker in SHORT])
def test_nothing_is_lost(bench: Bench, case: Case, broker: str) -> None:
    outcome = bench.run(case, broker)
    if outcome.status is Status.SKIPPED:
        pytest.skip(outcome.note)
    assert outcome.status is Status.KEPT, _shown(outcome)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("safeguard", "number", "broker"),
    [
        ("guard", "F8", "redis"),
        ("dead-letter", "F9", "redis"),
        ("late-acks", "F1", "redis"),
        ("lock", "F19", "redis"),
        ("atomic-take", "F24b", "redis"),
        ("confirms", "F6", "rabbitmq-classic"),
    ],
)
def test_without_a_safeguard_its_case_fails(safeguard: str, number: str, broker: str) -> None:
    with Bench(without=[safeguard]) as weakened:
        outcome = weakened.run(_named(number), broker)
    if outcome.status is Status.SKIPPED:
        pytest.skip(outcome.note)
    assert outcome.landed, _shown(outcome)
    assert outcome.status is Status.BROKEN, _shown(outcome)
