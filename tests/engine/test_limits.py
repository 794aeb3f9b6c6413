"""Time limits in threads: they hold, and none ever meets another task or what Celery does around one."""

import threading
import time
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from engine.conftest import WAIT, Body, Outcomes, spin, until

from allotment.engine.limits import Attempt, here
from allotment.engine.threads import TaskPool


@pytest.mark.parametrize("own", [True, False])
def test_the_soft_limit_is_raised_inside_the_task(make, own: bool) -> None:
    outcomes = Outcomes()
    pool = make(1, soft_timeout=WAIT if own else 0.05)
    limit = {"soft_timeout": 0.05} if own else {}
    pool.apply_async(Body(spin).traced, **outcomes.options(), **limit)
    assert isinstance(outcomes.until_count(1)[0], SoftTimeLimitExceeded)
    assert outcomes.limits == [(True, 0.05)]


def test_a_task_may_catch_the_soft_limit_and_end_in_good_order(make) -> None:
    def tidy() -> str:
        try:
            return spin()
        except SoftTimeLimitExceeded:
            return "tidied"

    pool, outcomes = make(1), Outcomes()
    pool.apply_async(Body(tidy).traced, soft_timeout=0.05, timeout=WAIT, **outcomes.options())
    assert outcomes.until_count(1) == ["tidied"]


@pytest.mark.parametrize("own", [True, False])
def test_at_the_hard_limit_the_caller_is_told_the_place_is_filled_and_the_late_result_dropped(make, own: bool) -> None:
    stuck, released, late = Outcomes(), threading.Event(), []

    def block() -> str:
        released.wait(WAIT)  # the exception comes only when this ends
        late.append("ran on")
        return "late"

    pool = make(1, timeout=WAIT if own else 0.1)
    limit = {"timeout": 0.1} if own else {}
    pool.apply_async(Body(block).traced, **stuck.options(), **limit)
    stuck.until(lambda: stuck.limits == [(False, 0.1)])
    other = Outcomes()
    pool.apply_async(lambda: "next", **other.options())
    assert other.until_count(1) == ["next"]
    assert (pool.info["max-concurrency"], pool.info["threads"], pool.info["stuck-threads"]) == (1, 1, 1)
    released.set()
    until(lambda: pool.info["stuck-threads"] == 0)
    assert stuck.values == []
    assert late == []
    assert pool.info["threads"] == 1


def test_a_task_that_swallows_every_exception_gives_no_late_result(make) -> None:
    def stubborn() -> str:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                time.sleep(0.005)
            except BaseException:  # noqa: BLE001 - that is the point
                continue
        return "late"

    pool, outcomes, stored = make(1), Outcomes(), []
    body = Body(stubborn)
    pool.apply_async(lambda: stored.append(body.traced()), timeout=0.05, **outcomes.options())
    outcomes.until(lambda: outcomes.limits == [(False, 0.05)])
    until(lambda: pool.info["stuck-threads"] == 0)
    assert stored == outcomes.values == []


def test_no_limit_meets_what_celery_does_around_the_task(make) -> None:
    body = Body(lambda: "given")

    def traced() -> str:
        spin(0.15)  # what runs before a task
        value = body.run()
        spin(0.15)  # such as storing its result
        return value

    pool, outcomes = make(1), Outcomes()
    pool.apply_async(traced, soft_timeout=0.2, timeout=0.2, **outcomes.options())
    assert outcomes.until_count(1) == ["given"]
    assert outcomes.limits == []


def test_a_soft_limit_that_passes_before_the_task_has_begun_is_raised_in_it(make) -> None:
    body = Body(spin)

    def traced() -> str:
        spin(0.15)
        try:
            return body.run()
        except SoftTimeLimitExceeded:
            return "inside"

    pool, outcomes = make(1), Outcomes()
    pool.apply_async(traced, soft_timeout=0.05, **outcomes.options())
    assert outcomes.until_count(1) == ["inside"]


def test_an_exception_that_has_not_come_when_the_task_ends_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = []
    monkeypatch.setattr("allotment.engine.limits._raise_in", lambda _, kind: raised.append(kind))
    attempt = Attempt(1.0, None, None)
    attempt.enter()
    assert not attempt.strike(time.monotonic() + 2)
    attempt.leave()
    assert raised == [SoftTimeLimitExceeded, None]
    assert attempt.settle()


def test_an_exception_that_cuts_the_end_of_a_task_short_does_not_keep_it_from_ending() -> None:
    class CutShort(Attempt):
        cuts = 1

        def leave(self) -> None:
            if self.cuts:
                self.cuts -= 1
                raise SoftTimeLimitExceeded
            super().leave()

    attempt = here.attempt = CutShort(1.0, 1.0, None)
    try:
        assert isinstance(Body(lambda: "given").traced(), SoftTimeLimitExceeded)
        assert not attempt.strike(time.monotonic() + 2), "it is over"
    finally:
        here.attempt = None


def test_a_task_called_by_a_task_is_part_of_it(make) -> None:
    inner = Body(lambda: here.attempt)

    def outer() -> Any:
        inner.run()
        return spin()

    pool, outcomes = make(1), Outcomes()
    pool.apply_async(Body(outer).traced, soft_timeout=0.05, **outcomes.options())
    assert isinstance(outcomes.until_count(1)[0], SoftTimeLimitExceeded)


@pytest.mark.parametrize("which", ["soft_timeout", "timeout"])
def test_no_limit_ever_meets_another_task(make, which: str) -> None:
    limit, count = 0.01, 600
    pool, limited, free = make(4), Outcomes(), Outcomes()
    body, clean = Body(spin), Body(lambda: sum(range(2000)))
    for number in range(count):
        # they end just before, at and after the limit
        seconds = limit * (0.9 + 0.2 * (number % 50) / 50)
        pool.apply_async(body.traced, (seconds,), **{which: limit}, **limited.options())
        pool.apply_async(clean.traced, **free.options())
        pool.apply_async(clean.traced, soft_timeout=WAIT, timeout=WAIT, **free.options())
    free.until_count(2 * count)
    assert free.values == [sum(range(2000))] * 2 * count
    if which == "soft_timeout":
        limited.until_count(count)
        struck = sum(isinstance(value, SoftTimeLimitExceeded) for value in limited.values)
        assert len(limited.values) == count
        assert struck + limited.values.count("ended by itself") == count
        assert struck <= len(limited.limits)
    else:
        limited.until(lambda: len(limited.values) + len(limited.limits) >= count)
        struck = len(limited.limits)
        assert limited.values == ["ended by itself"] * (count - struck)
        until(lambda: pool.info["stuck-threads"] == 0)
    assert 0 < struck < count, "the race was not run"
    assert pool.info["threads"] == 4


def test_the_tasks_of_the_app_are_marked_once() -> None:
    app = Celery(set_as_current=False)

    @app.task(name="one", autoretry_for=(ValueError,))
    def one() -> int:
        return 1

    pool = TaskPool(1, app=app)
    pool.start()
    marked = app.tasks["one"].run
    pool.start()
    assert app.tasks["one"].run is marked
    assert one() == 1
    pool.stop()
