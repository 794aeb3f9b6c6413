"""The oracle can fail: each promise, broken alone, is told."""

import json
from dataclasses import replace

import pytest

from allotment.testing.faults.journal import Confirmed, Journal, JournalWriter, Refused
from allotment.testing.faults.ledger import Ledger
from allotment.testing.faults.oracle import Evidence, Run, judge
from allotment.testing.faults.outcome import Check, Outcome, Status, all_kept, not_seen, status_of

DONE = Run("a", "left.step", "left-1@here", 10, 1.0, 2.0, "SUCCESS")
GOOD = Evidence(
    confirmed={"a": "left.step", "b": "left.step"},
    runs=(DONE,),
    set_aside={"b": "unknown-task"},
    excused=frozenset({"b"}),
    allowed={"left.step": frozenset({"left-1@here"})},
)


def test_all_is_well_where_each_message_finished_or_was_set_aside() -> None:
    verdict = judge(GOOD)
    assert verdict.holds
    assert (verdict.confirmed, verdict.set_aside, verdict.duplicates) == (2, 1, 0)


def test_a_confirmed_message_that_never_ran_is_lost() -> None:
    verdict = judge(replace(GOOD, confirmed={**GOOD.confirmed, "c": "left.step"}))
    assert verdict.lost == ("c",)
    assert not verdict.holds


@pytest.mark.parametrize(
    "run",
    [
        replace(DONE, ended=None, state=""),
        replace(DONE, state="RETRY"),
        replace(DONE, state="REJECTED"),
    ],
    ids=["began only", "to be retried", "rejected"],
)
def test_a_message_whose_run_did_not_come_to_an_end_is_lost(run: Run) -> None:
    verdict = judge(replace(GOOD, runs=(run,)))
    assert verdict.lost == ("a",)


def test_a_process_killed_between_the_result_and_the_end_has_lost_nothing() -> None:
    begun = replace(DONE, ended=None, state="")
    assert judge(replace(GOOD, runs=(begun,), succeeded=frozenset({"a"}))).holds


def test_a_result_alone_of_what_never_began_proves_nothing() -> None:
    assert judge(replace(GOOD, runs=(), succeeded=frozenset({"a"}))).lost == ("a",)


@pytest.mark.parametrize("state", ["SUCCESS", "IGNORED"])
def test_a_run_that_came_to_its_end_is_not_lost(state: str) -> None:
    assert judge(replace(GOOD, runs=(replace(DONE, state=state),))).holds


def test_a_healthy_message_that_is_set_aside_is_lost() -> None:
    verdict = judge(replace(GOOD, runs=(), set_aside={**GOOD.set_aside, "a": "delivered-too-often"}))
    assert verdict.lost == ("a",)
    assert verdict.fates == {"a": "set aside: delivered-too-often"}
    assert verdict.set_aside == 2


def test_one_that_was_set_aside_and_run_as_well_is_lost() -> None:
    assert judge(replace(GOOD, set_aside={**GOOD.set_aside, "a": "delivered-too-often"})).lost == ("a",)


def test_a_healthy_message_whose_task_fails_is_lost() -> None:
    verdict = judge(replace(GOOD, runs=(replace(DONE, state="FAILURE"),)))
    assert verdict.lost == ("a",)
    assert verdict.fates == {"a": "its task failed"}


def test_one_that_just_vanished_has_no_fate() -> None:
    verdict = judge(replace(GOOD, runs=()))
    assert (verdict.lost, verdict.fates) == (("a",), {})


def test_one_that_is_excused_may_be_set_aside_and_fail() -> None:
    failed = replace(DONE, id="b", state="FAILURE")
    assert judge(replace(GOOD, runs=(DONE, failed))).holds
    assert judge(replace(GOOD, runs=(DONE, failed), set_aside={})).holds


def test_somebodys_own_tasks_may_fail_and_be_set_aside() -> None:
    runs = (replace(DONE, state="FAILURE"),)
    assert judge(replace(GOOD, runs=runs, excused=None)).holds
    assert judge(replace(GOOD, runs=(), excused=None)).lost == ("a",)


def test_a_message_that_was_not_confirmed_cannot_be_lost() -> None:
    assert judge(replace(GOOD, confirmed={}, set_aside={}, runs=())).holds


def test_a_run_on_a_worker_that_the_plan_does_not_allow_is_wrong() -> None:
    stray = replace(DONE, worker="right-1@here")
    verdict = judge(replace(GOOD, runs=(DONE, stray)))
    assert verdict.wrong == (stray,)
    assert not verdict.holds


def test_a_task_that_the_plan_does_not_know_may_run_nowhere() -> None:
    stray = replace(DONE, task="nobody.knows")
    assert judge(replace(GOOD, runs=(DONE, stray))).wrong == (stray,)


def test_an_orphan_breaks_the_promise() -> None:
    verdict = judge(replace(GOOD, orphans=("12 python",)))
    assert verdict.orphans == ("12 python",)
    assert not verdict.holds


def test_a_result_that_stays_pending_breaks_the_promise() -> None:
    verdict = judge(replace(GOOD, pending=frozenset({"a", "never confirmed"})))
    assert verdict.pending == ("a",)
    assert not verdict.holds


def test_duplicates_are_counted_and_break_nothing() -> None:
    verdict = judge(replace(GOOD, runs=(DONE, replace(DONE, pid=11), replace(DONE, pid=12, ended=None, state=""))))
    assert verdict.duplicates == 2
    assert verdict.holds


def test_a_case_is_kept_only_if_nothing_went_unseen() -> None:
    seen, unseen = Check("this", "it is", holds=True), Check("this", "it is not", holds=False)
    good, bad = judge(GOOD), judge(replace(GOOD, orphans=("12 python",)))
    assert status_of(good, (seen,), ()) is Status.KEPT
    assert status_of(good, (seen,), ("the fault",)) is Status.MISSED
    assert status_of(good, (seen, unseen), ()) is Status.BROKEN
    assert status_of(bad, (seen,), ()) is Status.BROKEN
    assert status_of(bad, (), ("the fault",)) is Status.BROKEN


def test_what_a_case_must_see_is_its_fault_and_a_confirmed_message() -> None:
    good, empty = judge(GOOD), judge(replace(GOOD, confirmed={}, set_aside={}, runs=()))
    assert not_seen(good, ("it is gone",), ()) == ()
    assert not_seen(good, (), ()) == ("the fault",)
    assert not_seen(good, ("it is gone",), ("nothing ran in it",)) == ("nothing ran in it",)
    assert not_seen(empty, ("it is gone",), ()) == ("a message that the broker confirmed",)


@pytest.mark.parametrize(
    ("statuses", "kept"),
    [
        ([Status.KEPT, Status.KEPT], True),
        ([Status.KEPT, Status.SKIPPED], True),
        ([Status.KEPT, Status.MISSED], False),
        ([Status.KEPT, Status.BROKEN], False),
        ([Status.SKIPPED], False),
        ([], False),
    ],
)
def test_a_matrix_is_kept_only_if_something_was_run(statuses: list[Status], kept: bool) -> None:
    assert all_kept([Outcome("F0", "nothing", "redis", status) for status in statuses]) is kept


def test_a_run_goes_on_from_its_beginning_to_its_end() -> None:
    assert [DONE.going_on(moment) for moment in (0.9, 1.0, 1.9, 2.0)] == [False, True, True, False]
    assert replace(DONE, ended=None).going_on(99.0)


def _line(**values: object) -> str:
    return json.dumps({"pid": 10, "time": 1.0, **values}) + "\n"


def test_the_ledger_sees_a_start_without_an_end(tmp_path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(
        _line(what="start", id="a", task="left.step", worker="left-1@here")
        + _line(what="start", id="b", task="left.step", worker="left-1@here")
        + _line(what="end", id="a", task="left.step", state="SUCCESS", time=2.0)
    )
    ledger = Ledger(path).read()
    assert ledger.finished == {"a"}
    assert [run.id for run in ledger.completed] == ["a"]
    assert [run.id for run in ledger.running([10])] == ["b"]
    assert ledger.running([11]) == ()


def test_the_ledger_reads_on_and_waits_for_the_rest_of_a_line(tmp_path) -> None:
    path = tmp_path / "ledger.jsonl"
    whole = _line(what="start", id="a", task="left.step", worker="left-1@here")
    path.write_text(whole[:20])
    ledger = Ledger(path)
    assert not ledger.read().runs
    path.write_text(whole + _line(what="end", id="a", state="SUCCESS"))
    assert [run.finished for run in ledger.read().runs] == [True]
    assert len(ledger.read().runs) == 1


def test_the_ledger_tells_two_runs_of_one_message_apart(tmp_path) -> None:
    path = tmp_path / "ledger.jsonl"
    start = {"what": "start", "id": "a", "task": "left.step", "worker": "left-1@here"}
    path.write_text(_line(**start) + _line(**start, pid=11) + _line(what="end", id="a", pid=11, state="SUCCESS"))
    runs = Ledger(path).read().runs_of("a")
    assert [(run.pid, run.finished) for run in runs] == [(10, False), (11, True)]


def test_an_id_counts_as_confirmed_only_once_it_was_written(tmp_path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    with JournalWriter(path) as writer:
        writer.confirmed(Confirmed("a", "left.step", 0.5))
        assert not journal.read().confirmed
        writer.flush()
        assert journal.read().confirmed == [Confirmed("a", "left.step", 0.5)]
        writer.refused(Refused("b", "left.step", "QueueFull", "it is full", 0.25))
    assert journal.read().confirmed == [Confirmed("a", "left.step", 0.5)]
    assert journal.refused == [Refused("b", "left.step", "QueueFull", "it is full", 0.25)]
