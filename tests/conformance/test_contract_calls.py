"""Calls of contracts with running workers: types, canvas, retries, event loops, and what is refused."""

import asyncio
import importlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from celery.exceptions import TimeoutError as CeleryTimeoutError
from conformance.conftest import _addresses
from kombu import Connection

from allotment import ArgumentsInvalid, TaskUnknown
from allotment.contracts.registry import defined
from allotment.engine.client import close, keep_results_quiet
from allotment.engine.contracts.environment import app_from_environment
from allotment.engine.installation import install
from allotment.engine.results import close_backend
from allotment.errors import ResultsUnavailable
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "pledges"
QUEUE = "pledges.price"
DUE = date(2026, 2, 27)


@pytest.fixture(scope="module")
def shared() -> Iterator[ModuleType]:
    """Give the module of contracts, as a producer imports it."""
    sys.path.insert(0, str(PROJECT))
    yield importlib.import_module("pledges.shared")
    sys.path.remove(str(PROJECT))


@dataclass(frozen=True)
class Running:
    """A worker of plain Celery with the contracts' code, and the producer's side."""

    shared: Any
    app: Celery
    environment: dict[str, str]
    results_are_stored: bool

    def waiting(self, queue: str) -> int:
        """Count the messages in a queue, 0 where there is none of that name."""
        with Connection(str(self.app.conf.broker_url)) as connection:
            channel = connection.default_channel
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except connection.channel_errors:
                return 0


def celery_worker(module: str, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """Start a worker of plain Celery."""
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", module, "worker", "-c", "2", "--without-mingle", *options],
        cwd=PROJECT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module", params=["rabbitmq", "redis", "valkey"])
def running(request: pytest.FixtureRequest, shared: ModuleType) -> Iterator[Running]:
    """Give a running worker on each broker: results by `rpc://` on RabbitMQ."""
    server, _ = _addresses(request.param, request)
    assert server is not None
    environment = {"BROKER_URL": server.url}
    app = app_from_environment("producer", environment)
    keep_results_quiet(app)
    before = {name: one.app for name, one in defined().items()}
    for one in defined().values():
        one.app = app
    worker = celery_worker("pledges.plain", environment)
    try:
        yield Running(shared, app, environment, request.param != "rabbitmq")
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
        for name, own in before.items():
            defined()[name].app = own
        close(app)


def test_a_call_and_its_result_keep_their_types(running: Running) -> None:
    result = running.shared.price.delay(Decimal("1.50"), due=DUE)
    assert result.get(timeout=20) == running.shared.Price(Decimal("1.50"), DUE)
    assert result.state == "SUCCESS"


def test_options_of_celery_are_heeded(running: Running) -> None:
    result = running.shared.price.apply_async((Decimal(1), DUE), task_id="chosen", countdown=0.1, headers={"own": 1})
    assert result.id == "chosen"
    assert result.get(timeout=20) == running.shared.Price(Decimal(1), DUE)


def test_a_chain_hands_typed_results_on(running: Running) -> None:
    shared = running.shared
    steps = chain(shared.price.s(Decimal(2), DUE), shared.later.s(), shared.later.s(days=5))
    assert shared.later.result(steps.apply_async()).get(timeout=20) == shared.Price(Decimal(2), date(2026, 3, 5))


def test_an_immutable_step_takes_nothing_from_the_one_before(running: Running) -> None:
    shared = running.shared
    steps = shared.price.si(Decimal(2), DUE) | shared.Lender.si(Decimal(9), 4)
    assert shared.Lender.contract.result(steps.apply_async()).get(timeout=20) == Decimal("2.25")


def test_a_group_gives_the_value_of_each(running: Running) -> None:
    shared = running.shared
    result = group(shared.Lender.s(Decimal(number), 2) for number in range(8)).apply_async()
    values = [shared.Lender.contract.value(one) for one in result.get(timeout=20)]
    assert values == [Decimal(number) / 2 for number in range(8)]


def test_a_chord_hands_all_results_to_its_body(running: Running) -> None:
    shared = running.shared
    canvas = chord([shared.price.s(Decimal(number), DUE) for number in range(5)], shared.total.s())
    if not running.results_are_stored:
        with pytest.raises(NotImplementedError):  # `rpc://` has no chords (`celery/backends/rpc.py`)
            canvas.apply_async()
        return
    assert shared.total.result(canvas.apply_async()).get(timeout=20) == Decimal(10)


def test_a_callback_takes_the_result(running: Running) -> None:
    shared = running.shared
    after = shared.later.s(days=2)
    after.freeze("the-callback")
    shared.price.apply_async((Decimal(3), DUE), link=after).get(timeout=20)
    if running.results_are_stored:
        later = shared.later.result(running.app.AsyncResult("the-callback"))
        assert later.get(timeout=20) == shared.Price(Decimal(3), date(2026, 3, 1))


def test_a_retry_keeps_arguments_and_types(running: Running) -> None:
    assert running.shared.stubborn.delay(DUE, 3).get(timeout=20) == "2026-02-27 after 3"


def test_an_error_of_the_code_reaches_the_caller(running: Running) -> None:
    result = running.shared.Lender.delay(Decimal(1), 0)
    with pytest.raises(Exception, match="DivisionByZero") as caught:
        result.get(timeout=20)
    assert type(caught.value).__name__ == "DivisionByZero"
    assert result.failed()


def test_plain_celery_may_call_and_is_checked(running: Running) -> None:
    app = running.app
    good = app.send_task("pledges.price", args=["1.50", "2026-02-27"], queue=QUEUE)
    assert running.shared.price.result(good).get(timeout=20) == running.shared.Price(Decimal("1.50"), DUE)
    with_types = app.send_task("pledges.price", args=[Decimal("1.50")], kwargs={"due": DUE}, queue=QUEUE)
    assert with_types.get(timeout=20) == {"amount": "1.50", "due": "2026-02-27"}
    for wrong in (["much", "2026-02-27"], ["1"], ["1", "2026-02-27", None, 1]):
        with pytest.raises(ArgumentsInvalid, match=r"pledges\.price"):
            app.send_task("pledges.price", args=wrong, queue=QUEUE).get(timeout=20)


def wrong_calls(shared: Any) -> list[Any]:
    """Give calls that do not fit their contract."""
    return [
        lambda: shared.price.delay("1.50", DUE),
        lambda: shared.price.delay(Decimal(1)),
        lambda: shared.price.delay(Decimal(1), DUE, None, 1),
        lambda: shared.price.apply_async((Decimal(1), "soon")),
        lambda: shared.Lender.delay(Decimal(1), by="2"),
        lambda: shared.price.s("1.50", DUE),
        lambda: shared.price.si(Decimal(1)),
        lambda: shared.price.s(Decimal(1)).apply_async(),
        lambda: shared.later.s().delay(),
        lambda: shared.later.s(days=2).apply_async(({"amount": 1},)),
        lambda: chain(shared.later.s(days=2), shared.later.s()).apply_async(),
        lambda: group([shared.later.s(days=2)]).apply_async(),
        lambda: asyncio.run(shared.price.adelay(1)),
    ]


def test_a_wrong_call_is_refused_and_nothing_is_sent(running: Running) -> None:
    sent: list[str] = []
    publish = running.app.amqp.send_task_message

    def noting(producer: Any, name: str, *rest: Any, **options: Any) -> Any:
        sent.append(name)
        return publish(producer, name, *rest, **options)

    running.app.amqp.__dict__["send_task_message"] = noting
    try:
        running.shared.price.delay(Decimal(1), DUE).get(timeout=20)
        assert sent == ["pledges.price"], "a right call is noted"
        for call in wrong_calls(running.shared):
            with pytest.raises(ArgumentsInvalid, match="pledges"):
                call()
        assert sent == ["pledges.price"]
    finally:
        del running.app.amqp.__dict__["send_task_message"]


def test_an_event_loop_sends_and_waits(running: Running) -> None:
    shared = running.shared

    async def main() -> None:
        sent = [await shared.Lender.adelay(Decimal(number), 2) for number in range(100)]
        assert await asyncio.gather(*sent) == [Decimal(number) / 2 for number in range(100)]
        assert await sent[3] == Decimal("1.5"), "a result may be awaited again"
        with_options = await shared.price.aapply_async((Decimal(1), DUE), countdown=0.1)
        assert await with_options == shared.Price(Decimal(1), DUE)

    asyncio.run(main())


def test_results_of_plain_calls_may_be_awaited(running: Running) -> None:
    async def main() -> None:
        sent = [running.shared.Lender.delay(Decimal(number), 2) for number in range(20)]
        assert await asyncio.gather(*sent) == [Decimal(number) / 2 for number in range(20)]

    asyncio.run(main())


def test_an_awaited_call_that_fails_raises(running: Running) -> None:
    async def main() -> None:
        failing = await running.shared.Lender.adelay(Decimal(1), 0)
        good = await running.shared.Lender.adelay(Decimal(1), 1)
        with pytest.raises(Exception, match="Division") as caught:
            await failing
        assert type(caught.value).__name__ == "DivisionByZero"
        assert await good == 1

    asyncio.run(main())


def test_waiting_may_be_given_up_and_holds_up_nobody(running: Running) -> None:
    async def main() -> None:
        never = await running.shared.price.aapply_async((Decimal(1), DUE), countdown=3600)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await never
        turns = 0
        quick = asyncio.ensure_future(_value(running.shared.Lender, 8))
        while not quick.done():
            turns += 1
            await asyncio.sleep(0)
        assert quick.result() == 4
        assert turns > 1, "the event loop went on meanwhile"
        never.revoke()

    asyncio.run(main())


def test_a_result_may_be_awaited_by_several_at_once(running: Running) -> None:
    async def main() -> None:
        for sent in (await running.shared.Lender.adelay(Decimal(9), 2), running.shared.Lender.delay(Decimal(9), 2)):
            given_up = asyncio.ensure_future(_awaited(sent))
            others = [asyncio.ensure_future(_awaited(sent)) for _ in range(3)]
            await asyncio.sleep(0)
            given_up.cancel()
            async with asyncio.timeout(20):
                assert await asyncio.gather(*others) == [Decimal("4.5")] * 3

    asyncio.run(main())


async def _awaited(sent: Any) -> Any:
    return await sent


def test_a_result_sent_from_a_loop_answers_other_questions_too(running: Running) -> None:
    async def main() -> list[Any]:
        return [await running.shared.Lender.adelay(Decimal(number), 2) for number in range(3)]

    first, second, third = asyncio.run(main())
    assert first.get(timeout=20) == 0
    deadline = time.monotonic() + 20
    while not second.ready():
        assert time.monotonic() < deadline
    assert second.state == "SUCCESS"
    assert second.get() == Decimal("0.5")
    assert third.celery.get(timeout=20) == "1"


def test_a_call_without_a_result_gives_none(running: Running) -> None:
    async def main() -> None:
        sent = await running.shared.Lender.aapply_async((Decimal(1), 2), ignore_result=True)
        assert await sent is None

    asyncio.run(main())
    sent = running.shared.Lender.apply_async((Decimal(1), 2), ignore_result=True)
    assert sent.get() is None
    assert asyncio.run(_awaited(sent)) is None


def test_a_failed_wait_leaves_the_next_calls_alone(running: Running) -> None:
    app = app_from_environment("resultless", running.environment)
    app.conf.result_backend = "disabled://"
    lender = running.shared.Lender.contract
    usual, lender.app = lender.app, app
    try:

        async def main() -> None:
            for _ in range(2):
                with pytest.raises(ResultsUnavailable):
                    await (await lender.adelay(Decimal(1), 2))

        asyncio.run(main())
    finally:
        lender.app = usual
        close(app)


def test_event_loops_one_after_the_other_share_nothing_that_ends(running: Running) -> None:
    async def sends() -> Any:
        return await running.shared.Lender.adelay(Decimal(1), 2)

    for _ in range(3):
        sent = asyncio.run(sends())
        assert asyncio.run(_awaited(sent)) == Decimal("0.5")


async def _value(lender: Any, amount: int) -> Decimal:
    value: Decimal = await (await lender.adelay(Decimal(amount), 2))
    return value


def test_threads_may_call_at_the_same_time(running: Running) -> None:
    found: dict[int, Decimal] = {}

    def work(number: int) -> None:
        found[number] = running.shared.Lender.delay(Decimal(number), 2).get(timeout=20)
        close_backend(running.app)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {number: Decimal(number) / 2 for number in range(8)}


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("pledges.placeholder", "make a subclass of Lender (from pledges.shared)"),
        ("pledges.forgetful", "@implements(elsewhere) (elsewhere from pledges.shared)"),
    ],
)
def test_a_worker_without_the_code_does_not_start(module: str, told: str, running: Running) -> None:
    shared = running.shared
    waiting = shared.elsewhere.delay(1)
    before = running.waiting("pledges.elsewhere")
    assert before >= 1
    broker = ["-b", running.environment["BROKER_URL"]]
    worker = subprocess.run(
        [sys.executable, "-m", "celery", *broker, "-A", module, "worker"],
        cwd=PROJECT,
        env=os.environ | running.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert worker.returncode == 2
    assert told in worker.stderr
    assert "Traceback" not in worker.stderr
    assert running.waiting("pledges.elsewhere") == before, "nothing was consumed"
    with pytest.raises(CeleryTimeoutError):
        waiting.get(timeout=0.1)


def test_a_worker_that_does_not_hear_the_calls_of_its_code_says_so(running: Running) -> None:
    worker = celery_worker("pledges.plain", running.environment, "-Q", "elsewhere", "-l", "WARNING")
    assert worker.stdout is not None
    try:
        told = next(line for line in worker.stdout if line.startswith("warning: "))
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
    assert "'pledges.price'" in told
    assert "does not consume its queue" in told


@pytest.fixture(params=["embedded", "redis", "rabbitmq"])
def fleet(request: pytest.FixtureRequest, shared: ModuleType, tmp_path: Path) -> Iterator[Running]:
    """Give a running fleet whose tasks are contracts."""
    _, environment = _addresses(request.param, request)
    folder = shutil.copytree(PROJECT, tmp_path / "pledges")
    file = read_fleet_file(folder / "fleet.yaml", environment)
    app = Celery("web", set_as_current=False)
    before = {name: one.app for name, one in defined().items()}
    with RunningFleet(file.path, environment=environment):
        install(file, app)
        keep_results_quiet(app)
        for one in defined().values():
            one.app = app
        try:
            yield Running(shared, app, environment, results_are_stored=True)
        finally:
            for name, own in before.items():
                defined()[name].app = own
            close(app)


def test_a_fleet_runs_contracts_in_its_lanes(fleet: Running) -> None:
    shared = fleet.shared
    steps = chain(shared.price.s(Decimal(2), DUE), shared.later.s(days=5))
    assert shared.later.result(steps.apply_async()).get(timeout=30) == shared.Price(Decimal(2), date(2026, 3, 4))
    assert shared.Lender.delay(Decimal(1), 4).get(timeout=30) == Decimal("0.25")
    assert shared.stubborn.delay(DUE, 2).get(timeout=30) == "2026-02-27 after 2"


def test_another_fleet_s_contract_goes_to_its_own_queue(fleet: Running) -> None:
    fleet.shared.elsewhere.delay(1)
    assert fleet.waiting("pledges.elsewhere") >= 1
    with pytest.raises(TaskUnknown):
        fleet.app.send_task("pledges.elsewhere", args=[1])


def test_a_call_of_another_fleet_s_contract_may_name_its_queue(fleet: Running) -> None:
    before = fleet.waiting("pledges.elsewhere")
    fleet.shared.elsewhere.apply_async((1,), queue="pledges.express")
    assert fleet.waiting("pledges.express") >= 1
    assert fleet.waiting("pledges.elsewhere") == before


def test_a_fleet_s_worker_without_the_code_does_not_start(tmp_path: Path) -> None:
    folder = shutil.copytree(PROJECT, tmp_path / "pledges")
    worker = subprocess.run(
        [sys.executable, "-m", "allotment", "worker", "-f", "wrong.yaml", "-p", "all"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert worker.returncode == 2
    assert "'pledges.elsewhere'" in worker.stderr
    assert "@implements(elsewhere) (elsewhere from pledges.shared)" in worker.stderr
    assert not (folder / ".allotment").exists(), "no broker was started for it"
