"""A soak's faults follow from its seed, and each row of the matrix is there once."""

from allotment.testing.faults.case import EVERY, cases
from allotment.testing.faults.schedule import Fault, schedule

ALL = tuple(Fault)


def test_the_same_seed_gives_the_same_faults() -> None:
    assert schedule(7, 600.0, ALL) == schedule(7, 600.0, ALL)


def test_another_seed_gives_others() -> None:
    assert schedule(7, 600.0, ALL) != schedule(8, 600.0, ALL)


def test_faults_come_in_order_within_the_time_and_are_possible() -> None:
    possible = (Fault.WORKER, Fault.CUT)
    planned = schedule(1, 300.0, possible)
    times = [one.at for one in planned]
    assert len(planned) > 10
    assert times == sorted(times)
    assert times[0] > 0
    assert times[-1] < 300.0
    assert {one.fault for one in planned} == set(possible)


def test_a_longer_soak_begins_like_a_shorter_one() -> None:
    short = schedule(3, 100.0, ALL)
    assert schedule(3, 200.0, ALL)[: len(short)] == short


def test_every_row_of_the_matrix_has_a_case_of_its_own() -> None:
    numbers = [case.number for case in cases()]
    assert len(numbers) == len(set(numbers))
    assert {f"F{row}" for row in range(1, 29)} <= set(numbers)


def test_cases_name_brokers_that_there_are() -> None:
    for case in cases():
        assert set(case.brokers) <= set(EVERY), case.number
        assert set(case.short) <= set(case.brokers), case.number


def test_every_case_that_can_be_run_has_a_sentence() -> None:
    for case in cases():
        assert (case.run.__doc__ or "").strip(), case.number
