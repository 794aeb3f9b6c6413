"""The pool of threads: its size, and that nothing is lost whatever becomes of it. Without a broker."""

import threading
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from celery.exceptions import WorkerLostError
from engine.conftest import WAIT, Body, Gate, Outcomes, until
from kombu.asynchronous import Hub
from kombu.message import Message
from vine import promise


def test_as_many_run_at_once_as_the_limit_says_and_a_thread_is_made_only_when_it_is_needed(make) -> None:
    pool, outcomes, gate = make(3), Outcomes(), Gate()
    for number in range(4):
        pool.apply_async(lambda number: number, (number,), **outcomes.options())
        outcomes.until_count(number + 1)
    assert pool.info["threads"] == 1
    for _ in range(8):
        pool.apply_async(gate, **outcomes.options())
    until(lambda: gate.running == 3)
    assert pool.info["threads"] == pool.info["max-concurrency"] == pool.num_processes == 3
    gate.let_go(8)
    outcomes.until_count(12)
    assert gate.most == 3


def test_it_grows_and_shrinks_while_it_runs_and_loses_nothing(make) -> None:
    pool, outcomes, gate = make(1), Outcomes(), Gate()
    for _ in range(30):
        pool.apply_async(gate, **outcomes.options())
    until(lambda: gate.running == 1)
    pool.grow(4)
    until(lambda: gate.running == 5)
    pool.shrink(3)
    assert pool.num_processes == 2
    gate.let_go(5)
    outcomes.until_count(5)
    until(lambda: gate.running == 2)
    assert pool.info["threads"] == pool.info["max-concurrency"] == 2
    pool.shrink(2)
    gate.let_go(2)
    outcomes.until_count(7)
    until(lambda: pool.info["threads"] == 0)
    assert gate.running == 0
    pool.grow(6)
    until(lambda: gate.running == 6)
    gate.let_go(23)
    assert outcomes.until_count(30) == [None] * 30
    with pytest.raises(ValueError, match="only 6"):
        pool.shrink(7)


def test_threads_that_wait_end_when_it_shrinks(make) -> None:
    pool, outcomes, gate = make(5), Outcomes(), Gate()
    for _ in range(5):
        pool.apply_async(gate, **outcomes.options())
    gate.let_go(5)
    outcomes.until_count(5)
    assert pool.info["threads"] == 5
    pool.shrink(4)
    until(lambda: pool.info["threads"] == 1)


def test_it_starts_with_no_thread_at_all(make) -> None:
    pool, outcomes = make(0), Outcomes()
    pool.apply_async(lambda: 1, **outcomes.options())
    pool.grow()
    assert outcomes.until_count(1) == [1]


def test_what_ends_a_process_elsewhere_ends_only_the_task(make) -> None:
    def leave() -> None:
        raise SystemExit(3)

    pool, outcomes = make(1), Outcomes()
    pool.apply_async(leave, **outcomes.options())
    pool.apply_async(lambda: 1 // 0, **outcomes.options())
    lost, failed = outcomes.until_count(2)
    assert isinstance(lost, ExceptionInfo)
    assert lost.type is WorkerLostError
    assert failed.type is ZeroDivisionError
    assert pool.info["threads"] == 1


def test_a_lost_connection_takes_what_waits_and_leaves_what_runs(make) -> None:
    pool, outcomes, gate = make(1), Outcomes(), Gate()
    for _ in range(5):
        pool.apply_async(gate, **outcomes.options())
    until(lambda: gate.running == 1)
    pool.flush()
    pool.apply_async(lambda: "new", **outcomes.options())
    gate.let_go(5)
    assert outcomes.until_count(2) == [None, "new"]


def test_it_stops_when_what_runs_is_done_and_limits_hold_meanwhile(make) -> None:
    pool, outcomes, gate = make(3), Outcomes(), Gate()
    stuck = threading.Event()
    pool.apply_async(gate, **outcomes.options())
    pool.apply_async(Body(lambda: stuck.wait(WAIT)).traced, timeout=0.3, **outcomes.options())
    until(lambda: gate.running == 1)
    pool.apply_async(gate, **outcomes.options())
    until(lambda: gate.running == 2)
    pool.apply_async(gate, **outcomes.options())  # waits: goes back to the broker
    pool.close()
    stopping = threading.Thread(target=pool.stop)
    stopping.start()
    pool.apply_async(gate, **outcomes.options())
    outcomes.until(lambda: outcomes.limits == [(False, 0.3)])
    assert stopping.is_alive()
    gate.let_go(4)
    stopping.join(WAIT)
    assert not stopping.is_alive()
    assert outcomes.values == [None, None]
    stuck.set()
    until(lambda: pool.info["stuck-threads"] == pool.info["threads"] == 0)


def test_while_it_stops_what_is_done_is_acknowledged_and_timers_go_on(make, monkeypatch: pytest.MonkeyPatch) -> None:
    class Acknowledged(Message):
        def ack_log_error(self, *_: Any) -> None:
            outcomes.options()["callback"]("acknowledged")

    loop, outcomes, gate = Hub(), Outcomes(), Gate()
    monkeypatch.setattr("allotment.engine.threads.get_event_loop", lambda: loop)
    loop.timer.call_after(0, outcomes.options()["callback"], ("beat",))
    loop.call_soon(promise(Acknowledged().ack_log_error))
    pool = make(1)
    pool.apply_async(gate)
    until(lambda: gate.running == 1)
    stopping = threading.Thread(target=pool.stop)
    stopping.start()
    outcomes.until(lambda: set(outcomes.values) == {"acknowledged", "beat"})
    assert stopping.is_alive()
    gate.let_go(1)
    stopping.join(WAIT)
    assert not stopping.is_alive()
    loop.close()
