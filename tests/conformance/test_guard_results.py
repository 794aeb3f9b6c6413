"""Who waits for a message that was set aside is told, and the worker does not wait for that."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.result import AsyncResult
from conformance.conftest import Crew, own_place
from conformance.test_guard import take_dead
from conformance.test_guard_hostile import Case, publish
from conformance.test_guard_poison import running, until

from allotment.testing.brokers import RedisServer
from allotment.testing.fixtures import require

FLEET = """
app: notes:app
broker: ${BROKER_URL}
results: ${RESULT_URL}
default_queue: work
tasks: {deadly.live: {delivery: at-least-once}}
queues: {work: {delivery_limit: 3}}
profiles:
  all: {tasks: ["notes.*", "deadly.*"], queues: [work], concurrency: 1, time_limit: 1m}
"""

TASKS = """
import os
from pathlib import Path

from deadly import app


@app.task(ignore_result=True)
def note(path, word):
    with Path(path).open("a") as notes:
        notes.write(word + "\\n")


@app.task(ignore_result=True)
def note_id(identity, path):
    note(path, f"failed: {identity}")


@app.task(ignore_result=True)
def end_the_process(request, error, traceback):
    os._exit(7)


@app.task(ignore_result=True)
def note_all(path, total):
    note(path, "the body ran")
"""


@pytest.fixture
def results() -> Iterator[RedisServer]:
    """Give a server for results that no other test uses."""
    require(RedisServer)
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["redis", "rabbitmq"])
def notes(request: pytest.FixtureRequest, results: RedisServer, tmp_path: Path) -> Iterator[tuple[Crew, Path]]:
    """Give a fleet, and the file that its tasks write to."""
    (tmp_path / "notes.py").write_text(TASKS)
    with (
        own_place(request.param, request) as environment,
        running(FLEET, tmp_path, environment | {"RESULT_URL": results.url}) as crew,
    ):
        yield crew, tmp_path / "noted"


def send(crew: Crew, task: str, *arguments: Any, follows: dict[str, Any] | None = None, **headers: Any) -> str:
    """Send a task as a program does that asks no result server; give its id."""
    identity = str(uuid.uuid4())
    body = json.dumps([arguments, {}, follows or {}]).encode()
    publish(crew, "work", [Case(task, headers={"task": task, "id": identity, **headers}, body=body)])
    return identity


def read(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def troubles(crew: Crew) -> list[Any]:
    """Give what was said of workers that ended or were ended."""
    return [event for event in crew.fleet.events if event["event"] in {"ended", "given-up", "restarting"}]


@pytest.mark.timeout(240)
def test_the_worker_goes_on_while_the_result_server_is_away(notes: tuple[Crew, Path], results: RedisServer) -> None:
    """With tasks that are delivered at least once, a worker waits for it without end."""
    crew, path = notes
    results.stop()
    ghosts = [send(crew, "ghost.asked") for _ in range(3)]
    for number in range(5):
        send(crew, "notes.note", str(path), f"good {number}")
    until(lambda: len(read(path)) == 5)
    until(lambda: crew.depth("allotment.dead") == 3)
    results.start()
    for ghost in ghosts:
        error = AsyncResult(ghost, app=crew.app).get(timeout=60, propagate=False)
        assert "ghost.asked" in str(error)
    assert troubles(crew) == []
    assert sorted(headers["id"] for headers, _ in take_dead(crew, 3)) == sorted(ghosts), "each is there once"
    assert crew.depth("allotment.dead") == 0


def signature(task: str, *arguments: Any) -> dict[str, Any]:
    return {"task": task, "args": list(arguments), "kwargs": {}, "options": {}, "subtask_type": None}


@pytest.mark.timeout(240)
def test_an_errback_that_celery_would_call_in_the_worker_itself_is_left_out(notes: tuple[Crew, Path]) -> None:
    crew, path = notes
    errbacks = [signature("notes.end_the_process"), signature("notes.note_id", str(path))]
    errbacks[1]["immutable"] = False
    ghost = send(crew, "ghost.linked", follows={"errbacks": errbacks})
    assert "ghost.linked" in str(AsyncResult(ghost, app=crew.app).get(timeout=60, propagate=False))
    until(lambda: bool(read(path)))
    assert crew.task("deadly.live", 1).apply_async().get(timeout=60) == 1
    assert troubles(crew) == []
    take_dead(crew, 1)


@pytest.mark.timeout(240)
def test_the_errback_of_a_chord_s_body_is_left_out_too(notes: tuple[Crew, Path]) -> None:
    """Celery calls it where the last part of the chord comes in, be it as a failure."""
    from celery import chord

    crew, path = notes
    body = crew.task("notes.note_all", str(path)).on_error(crew.task("notes.end_the_process"))
    part = crew.task("deadly.live", 1).set(headers={"retries": "x"})
    result = chord([part], body).apply_async()
    with pytest.raises(Exception, match="retries"):
        result.get(timeout=60)
    assert crew.task("deadly.live", 2).apply_async().get(timeout=60) == 2
    assert troubles(crew) == []
    assert read(path) == []
    take_dead(crew, 1)
