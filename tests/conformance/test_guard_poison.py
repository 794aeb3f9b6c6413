"""A task that ends its worker's process each time is run so often as its queue allows, and then kept aside."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.result import AsyncResult
from conformance.conftest import Crew, own_place
from conformance.test_guard import take_dead
from conformance.test_guard_hostile import Case, publish

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.source.fleet_file import read_fleet_file

TASKS = """
import os
import signal
from pathlib import Path

from celery import Celery

app = Celery("deadly")


@app.task
def die(path):
    with Path(path).open("a") as runs:
        runs.write("run\\n")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def live(number):
    return number


@app.task(bind=True)
def headers_after_retry(self):
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    return self.request.headers
"""

FLEET = """
app: deadly:app
broker: ${BROKER_URL:-embedded}
results: ${RESULT_URL:-embedded}
tasks:
  deadly.die: {queue: work, delivery: at-least-once}
  deadly.live: {queue: work, delivery: at-least-once}
  deadly.headers_after_retry: {queue: work, delivery: at-least-once}
queues:
  work: {delivery_limit: 3TYPE}
profiles:
  all: {tasks: ["deadly.*"], queues: [work], concurrency: 2, time_limit: 1m}
"""

KINDS = {
    "embedded": ("embedded", ""),
    "redis": ("redis", ""),
    "valkey": ("valkey", ""),
    "rabbitmq-classic": ("rabbitmq", ", type: classic"),
    "rabbitmq-quorum": ("rabbitmq", ", type: quorum"),
}


@contextmanager
def running(text: str, folder: Path, environment: dict[str, str]) -> Iterator[Crew]:
    """Run a fleet of these tasks, with a client of its own."""
    (folder / "deadly.py").write_text(TASKS)
    (folder / "fleet.yaml").write_text(text)
    file = read_fleet_file(folder / "fleet.yaml", environment)
    assert file.model.app is not None
    app = Celery("client", set_as_current=False)
    install(file, app, read_inventory(file.model.app, folder).tasks)
    keep_results_quiet(app)
    with RunningFleet(file.path, environment=environment) as fleet:
        yield Crew(app, file, fleet, None, environment)
        close(app)


@pytest.fixture(scope="module", params=list(KINDS))
def deadly(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Give the fleet on each broker in turn, on RabbitMQ with each type of queue."""
    name, kind = KINDS[request.param]
    text, folder = FLEET.replace("TYPE", kind), tmp_path_factory.mktemp(request.param)
    with own_place(name, request) as environment, running(text, folder, environment) as crew:
        yield crew


def until(what: Callable[[], Any], timeout: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


@pytest.mark.timeout(180)
def test_it_runs_no_more_than_its_limit_and_others_go_on(deadly: Crew, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    poison = deadly.task("deadly.die", str(runs)).apply_async()
    others = [deadly.task("deadly.live", number).apply_async() for number in range(10)]
    error = poison.get(timeout=120, propagate=False)
    assert poison.state == "FAILURE"
    assert "deadly.die" in str(error)
    assert "3 times" in str(error)
    [(headers, _)] = take_dead(deadly, 1)
    assert headers["id"] == poison.id
    assert headers["allotment_dead"]["reason"] == "delivered-too-often"
    assert runs.read_text().splitlines() == ["run"] * 3
    assert [result.get(timeout=60) for result in others] == list(range(10))
    assert deadly.task("deadly.live", 11).apply_async().get(timeout=60) == 11
    until(lambda: deadly.depth("work") == 0)
    ended = [event for event in deadly.fleet.events if event["event"] in {"ended", "given-up"}]
    assert not ended, "the worker itself lives on"
    assert AsyncResult(poison.id, app=deadly.app).state == "FAILURE"


def sent(crew: Crew, task: str, *arguments: Any, **headers: Any) -> AsyncResult:
    """Send a task as another program does, with headers of its own."""
    identity = str(uuid.uuid4())
    case = Case(
        "plain", headers={"id": identity, "task": task, **headers}, body=json.dumps([arguments, {}, {}]).encode()
    )
    publish(crew, str(crew.app.allotment.plan.lane(task).name), [case])
    return AsyncResult(identity, app=crew.app)


@pytest.mark.timeout(180)
def test_what_is_no_count_counts_for_nothing(deadly: Crew) -> None:
    results = [
        sent(deadly, "deadly.live", 1, **{name: count})
        for name in ("x-delivery-count", "allotment_deliveries")
        for count in ("many", [9], None, True, -7, 2)
    ]
    assert [result.get(timeout=60) for result in results] == [1] * len(results)
    assert deadly.depth("allotment.dead") == 0


@pytest.mark.timeout(180)
def test_a_message_that_was_held_for_its_time_is_run(deadly: Crew) -> None:
    """Workers that were restarted meanwhile gave it back, and never ran it."""
    eta = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    early = sent(deadly, "deadly.live", 1, eta=eta, allotment_deliveries=9)
    late = sent(deadly, "deadly.live", 2, allotment_deliveries=9)
    error = late.get(timeout=60, propagate=False)
    assert (late.state, "9 times" in str(error)) == ("FAILURE", True)
    assert early.get(timeout=60) == 1
    take_dead(deadly, 1)


@pytest.mark.timeout(180)
def test_a_retry_begins_anew(deadly: Crew) -> None:
    """Celery gives a retry the headers of its task, and there the counts are."""
    result = sent(deadly, "deadly.headers_after_retry", allotment_deliveries=2, allotment_forwards=1, mine="kept")
    found = result.get(timeout=60)
    assert found["mine"] == "kept"
    assert not found.keys() & {"x-delivery-count", "allotment_deliveries", "allotment_forwards"}
