"""Messages that come twice, on running workers: the task's code runs once, and whoever waits gets the same."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import uuid4

import psutil
import pytest
from celery import chain, chord
from celery.exceptions import TimeLimitExceeded
from conformance.till_tools import WAIT, Till, project, running, until


@pytest.fixture(scope="module", params=["embedded", "redis", "rabbitmq"])
def till(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    """Give the fleet on each broker, with a worker on each pool."""
    environment = {}
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url[:-1]
        environment = {"BROKER_URL": url + "7", "RESULT_URL": "rpc://"}  # keys at the broker
    if request.param == "rabbitmq":
        environment = {"BROKER_URL": request.getfixturevalue("rabbitmq").url, "RESULT_URL": "embedded"}
    with running(project(tmp_path_factory.mktemp(request.param)), environment) as found:
        yield found


on_one_broker = pytest.mark.parametrize("till", ["embedded"], indirect=True)
stores_results = pytest.mark.parametrize("till", ["embedded", "rabbitmq"], indirect=True)
on_each_pool = pytest.mark.parametrize("pool", ["fork", "threads", "green", "solo"])


@on_each_pool
@pytest.mark.usefixtures("till")
def test_a_message_delivered_twice_runs_once_and_what_follows_gets_the_same(till: Till, pool: str) -> None:
    order, identity = uuid4().hex, uuid4().hex
    follows = till.signature("note", order)
    for count in (1, 2):
        till.send("once", order, queue=pool, task_id=identity, link=follows)
        until(lambda count=count: len(till.ran("note", order)) == count)
    assert len(till.ran("once", order)) == 1
    assert len({note.said for note in till.ran("note", order)}) == 1


@on_each_pool
@stores_results
def test_two_producers_at_once_run_it_once_and_the_one_that_waits_holds_no_place(till: Till, pool: str) -> None:
    order, other = uuid4().hex, uuid4().hex
    with ThreadPoolExecutor(8) as senders:
        gate = till.close_gate(order) if pool != "solo" else None
        results = list(senders.map(lambda _: till.send("charge", order, queue=pool), range(8)))
    if gate is not None:
        until(lambda: len(till.ran("charge", order)) == 1)
        until(
            lambda: all(till.said("put off", one.id) for one in results if one.id != till.ran("charge", order)[0].said)
        )
        # seven wait, one runs: there are three places left of four
        assert till.send("charge", other, queue=pool).get(timeout=WAIT)[0] == other
        gate.unlink()
    receipts = [result.get(timeout=WAIT) for result in results]
    assert len(till.ran("charge", order)) == 1
    assert receipts == receipts[:1] * 8


@stores_results
def test_calls_that_differ_are_all_run(till: Till) -> None:
    order = uuid4().hex
    results = [till.send("charge", f"{order}-{number}", number) for number in range(4)]
    assert [result.get(timeout=WAIT)[1] for result in results] == [0, 1, 2, 3]
    assert till.send("charge", f"{order}-1", 77).get(timeout=WAIT)[1] == 1, "the amount is no part of the key"


@on_each_pool
@stores_results
def test_code_that_raises_is_run_again(till: Till, pool: str) -> None:
    order = uuid4().hex
    with pytest.raises(ValueError, match=order):
        till.send("fails", order, queue=pool).get(timeout=WAIT)
    (till.folder / f"mended-{order}").touch()
    results = [till.send("fails", order, queue=pool) for _ in range(2)]
    assert [result.get(timeout=WAIT) for result in results] == ["mended", "mended"]
    assert len(till.ran("fails", order)) == 2
    assert not till.said("put off", till.ran("fails", order)[1].said), "nobody held the key any more"


@on_each_pool
@stores_results
def test_a_retry_runs_again_and_what_it_gives_is_kept(till: Till, pool: str) -> None:
    order, identity = uuid4().hex, uuid4().hex
    first = till.send("again", order, queue=pool, task_id=identity).get(timeout=WAIT)
    assert first[0] == 1
    follows = till.signature("note", order)
    till.send("again", order, queue=pool, task_id=identity, link=follows)
    assert json.loads(until(lambda: till.ran("note", order))[0].said) == first
    assert len(till.ran("again", order)) == 2


@stores_results
def test_a_chain_goes_on_after_a_repeat(till: Till) -> None:
    order = uuid4().hex
    for count in (1, 2):
        line = chain(till.signature("charge", order), till.signature("note", order)).apply_async()
        assert line.get(timeout=WAIT)[0] == order
        assert len(till.ran("note", order)) == count
    assert len(till.ran("charge", order)) == 1


@stores_results
def test_a_chord_is_joined_where_parts_of_it_are_repeats(till: Till) -> None:
    order = uuid4().hex
    parts = [till.signature("charge", name) for name in (order, f"{order}-2", order, order)]
    gate = till.close_gate(order)
    joined = chord(parts, till.signature("collect")).apply_async()
    until(lambda: len(till.said("put off", "till.charge")) >= 2 and till.ran("charge", order))
    gate.unlink()
    receipts = joined.get(timeout=WAIT)
    assert [receipt[0] for receipt in receipts] == [order, f"{order}-2", order, order]
    assert receipts[0] == receipts[2] == receipts[3]
    assert len(till.ran("charge", order)) == 1


@stores_results
def test_a_killed_process_frees_its_key_after_the_lease(till: Till) -> None:
    order = uuid4().hex
    gate = till.close_gate(order)
    results = till.repeated("charge", order)
    first = until(lambda: till.ran("charge", order))[0]
    os.kill(first.pid, signal.SIGKILL)
    second = until(lambda: till.ran("charge", order)[1:])[0]
    assert second.pid != first.pid
    gate.unlink()
    receipts = [result.get(timeout=WAIT) for result in results]
    assert receipts[0] == receipts[1]
    assert len(till.ran("charge", order)) == 2


@pytest.mark.parametrize("pool", ["fork", "threads", "green"])
@stores_results
def test_a_lease_is_renewed_for_as_long_as_the_code_runs(till: Till, pool: str) -> None:
    order = uuid4().hex
    gate = till.close_gate(order)
    results = [till.send("charge", order, queue=pool) for _ in range(2)]
    # 0.5 s, then 1 s, 2 s and 4 s: more than twice the lease
    until(lambda: any(till.said("put off for 4s", result.id) for result in results))
    gate.unlink()
    receipts = [result.get(timeout=WAIT) for result in results]
    assert receipts[0] == receipts[1]
    assert len(till.ran("charge", order)) == 1


@stores_results
def test_what_was_done_before_its_process_was_killed_is_not_done_again(till: Till) -> None:
    order = uuid4().hex
    (till.folder / "kill-till.charge").touch()
    line = chain(till.signature("charge", order), till.signature("note", order)).apply_async()
    assert line.get(timeout=WAIT)[0] == order
    assert not (till.folder / "kill-till.charge").exists(), "the process has been killed"
    assert len(till.ran("charge", order)) == 1
    assert line.parent.get(timeout=WAIT) == line.get()


@stores_results
def test_a_task_killed_at_its_limit_frees_its_key(till: Till) -> None:
    order = uuid4().hex
    gate = till.close_gate(order)
    with pytest.raises(TimeLimitExceeded):
        till.send("short", order).get(timeout=WAIT)
    killed = till.ran("short", order)[0].pid
    until(lambda: not psutil.pid_exists(killed))  # Celery tells of the limit before it kills
    gate.unlink()
    assert till.send("short", order).get(timeout=WAIT) == "done"
    assert len(till.ran("short", order)) == 2


@on_one_broker
def test_one_that_was_stopped_for_longer_than_its_lease_overwrites_nothing(till: Till) -> None:
    order = uuid4().hex
    gate = till.close_gate(order)
    results = till.repeated("charge", order)
    first = until(lambda: till.ran("charge", order))[0]
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = until(lambda: till.ran("charge", order)[1:])[0]
        gate.unlink()
        late, early = sorted(results, key=lambda result: result.id != first.said)
        receipt = early.get(timeout=WAIT)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.said == early.id
    assert late.get(timeout=WAIT) == receipt, "both get what was done first"
    assert till.said(first.said, "its lease ran out")
    assert till.send("charge", order).get(timeout=WAIT) == receipt
    assert len(till.ran("charge", order)) == 2


@on_one_broker
def test_what_was_done_is_forgotten_after_it_was_kept_long_enough(till: Till) -> None:
    order = uuid4().hex
    first = till.send("brief", order).get(timeout=WAIT)
    assert until(lambda: (found := till.send("brief", order).get(timeout=WAIT)) != first and found)
    assert len(till.ran("brief", order)) == 2


@stores_results
def test_a_task_that_always_kills_its_process_is_set_aside_in_the_end(till: Till) -> None:
    order = uuid4().hex
    result = till.send("deadly", order, queue="deadly")
    with pytest.raises(Exception, match="delivered"):
        result.get(timeout=WAIT)
    assert 1 <= len(till.ran("deadly", order)) <= 3


@stores_results
def test_a_contract_is_told_apart_by_what_its_arguments_mean(till: Till) -> None:
    order = 7_000_000
    ways = [{"args": [order]}, {"args": [order, "2026-01-01"]}, {"kwargs": {"order": order, "day": "2026-01-01"}}]
    signature = till.app.signature("till.agreed", app=till.app)
    told = {signature.apply_async(**way).get(timeout=WAIT) for way in ways}
    assert len(told) == 1
    assert len(till.ran("agreed", f"{order}-{date(2026, 1, 1)}")) == 1
    signature.apply_async(args=[order, "2026-01-02"]).get(timeout=WAIT)
    assert len(till.ran("agreed", f"{order}-{date(2026, 1, 2)}")) == 1
