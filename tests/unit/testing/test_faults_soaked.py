"""A soak passes only if something was lived through, and nothing is left open."""

from dataclasses import replace

import pytest

from allotment.testing.faults.oracle import Run, Verdict
from allotment.testing.faults.outcome import Check
from allotment.testing.faults.schedule import Fault, Planned
from allotment.testing.faults.soaked import Happened, Recoveries, Soaked

KILLED = Happened(Planned(5.0, Fault.WORKER, 0), landed=True, seen="it is gone", recovered=1.5)
CUT = Happened(Planned(9.0, Fault.CUT, 0), landed=True, seen="3 connections were reset", recovered=0.5)
MISSED = Happened(Planned(12.0, Fault.WORKER, 0), landed=False, seen="nothing was there to be broken")
GOOD = Soaked(
    Verdict(confirmed=100), (KILLED, CUT), checks=(), refused=3, drained="", seconds=20.0, interrupted=False
)  # fmt: skip


def test_it_passes_where_each_kind_of_fault_landed_and_was_recovered_from() -> None:
    assert GOOD.passed
    assert replace(GOOD, happened=(KILLED, CUT, MISSED)).passed, "another fault of its kind landed"
    assert replace(GOOD, checks=(Check("this", "it is", holds=True),)).passed


@pytest.mark.parametrize(
    ("soaked", "shortcoming"),
    [
        (replace(GOOD, verdict=Verdict(confirmed=0)), "no message was confirmed"),
        (replace(GOOD, happened=()), "there was no fault"),
        (replace(GOOD, happened=(CUT, MISSED)), "never landed: kill a worker"),
        (replace(GOOD, happened=(KILLED, replace(CUT, recovered=None))), "did not recover: reset every connection at"),
        (replace(GOOD, drained="work: 3 waiting"), "left in the queues: work: 3 waiting"),
        (
            replace(GOOD, checks=(Check("the publisher does not hang", "it does", holds=False),)),
            "not so: the publisher does not hang: it does",
        ),
    ],
    ids=["nothing confirmed", "no fault", "a kind that missed", "no recovery", "not drained", "a check"],
)
def test_it_does_not_pass_and_says_why(soaked: Soaked, shortcoming: str) -> None:
    assert not soaked.passed
    (told,) = soaked.shortcomings
    assert told.startswith(shortcoming)


def test_a_broken_promise_does_not_pass_either() -> None:
    assert not replace(GOOD, verdict=Verdict(confirmed=100, lost=("a",))).passed


def _run(task: str, began: float) -> Run:
    return Run("a", task, "left-1@here", 10, began, began + 1.0, "SUCCESS")


def _unrecovered(at: float) -> Happened:
    return Happened(Planned(at, Fault.WORKER, 0), landed=True, seen="it is gone")


def test_a_fleet_has_recovered_once_every_task_has_begun_and_ended_since() -> None:
    recoveries = Recoveries(["left.step", "right.step"])
    recoveries.happens(_unrecovered(5.0), began=100.0, over=102.0)
    assert recoveries.saw([_run("left.step", 103.0), _run("right.step", 101.0)]) == ()
    assert not recoveries.complete
    (told,) = recoveries.saw([_run("right.step", 106.0)])
    assert told.recovered == 7.0
    assert recoveries.happened == (told,)
    assert recoveries.complete


def test_a_fault_may_be_recovered_from_after_the_next_one() -> None:
    recoveries = Recoveries(["left.step"])
    recoveries.happens(_unrecovered(5.0), began=100.0, over=100.0)
    recoveries.happens(_unrecovered(9.0), began=104.0, over=105.0)
    recoveries.saw([_run("left.step", 104.5)])
    assert [one.recovered for one in recoveries.happened] == [5.5, None]
    recoveries.saw([_run("left.step", 106.0)])
    assert [one.recovered for one in recoveries.happened] == [5.5, 3.0]


def test_what_did_not_land_needs_no_recovery() -> None:
    recoveries = Recoveries(["left.step"])
    recoveries.happens(MISSED, began=100.0, over=100.0)
    assert recoveries.complete
    assert recoveries.happened == (MISSED,)
