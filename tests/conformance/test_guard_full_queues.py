"""Lanes that are full: what the guard puts there drops nothing, and what was to go there stops nobody."""

import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery.result import AsyncResult
from conformance.conftest import Crew, own_place
from conformance.test_guard_hostile import Case, publish
from conformance.test_guard_poison import running, until

from allotment.errors import QueueFull

TASKS = """
import time
from pathlib import Path

from deadly import app


@app.task
def hold(path, number):
    while not Path(path).exists():
        time.sleep(0.02)
    return number


@app.task
def other():
    pass
"""

KILLED = """
app: lanes:app
broker: ${BROKER_URL}
results: embedded
default_queue: work
tasks: {lanes.hold: {delivery: at-least-once}}
queues: {work: {max_length: 3, when_full: reject, KIND}}
profiles:
  all: {tasks: ["lanes.*", "deadly.*"], queues: [work], concurrency: 1, prefetch: 4, time_limit: 2m}
"""

SPLIT = """
app: lanes:app
broker: ${BROKER_URL}
results: embedded
default_queue: work
queues: {work: {max_length: 2, when_full: drop-oldest}}
profiles:
  left: {tasks: [lanes.hold], queues: [work], concurrency: 1, prefetch: 1, time_limit: 2m}
  right: {tasks: [lanes.other, "deadly.*"], queues: [work], concurrency: 1, prefetch: 1, time_limit: 2m}
"""

CROWDED = """
app: lanes:app
broker: ${BROKER_URL}
results: embedded
default_queue: work
dead_letters: {max_length: 1}
queues: {work: {max_length: 6, when_full: reject, delivery_limit: 3}}
profiles:
  all: {tasks: ["lanes.*", "deadly.*"], queues: [work], concurrency: 1, prefetch: 4, time_limit: 2m}
"""


@contextmanager
def lanes(text: str, broker: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Crew]:
    """Run a fleet of the tasks above."""
    (folder / "lanes.py").write_text(TASKS)
    with own_place(broker, request) as environment, running(text, folder, environment) as crew:
        yield crew


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["type: classic", "max_priority: 5"])
def test_a_full_classic_queue_goes_on_after_its_worker_was_killed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """All that the worker had taken comes back and is to be counted, for which there is no room."""
    go = tmp_path / "go"
    with lanes(KILLED.replace("KIND", kind), "rabbitmq", request, tmp_path) as crew:
        results = [crew.task("lanes.hold", str(go), number).apply_async() for number in range(3)]
        until(lambda: crew.depth("work") == 0)
        results += [crew.task("lanes.hold", str(go), 3).apply_async()]
        until(lambda: crew.depth("work") == 0)
        results += [crew.task("lanes.hold", str(go), number).apply_async() for number in range(4, 7)]
        with pytest.raises(QueueFull):
            crew.task("lanes.hold", str(go), 7).apply_async()
        [worker] = [event["pid"] for event in crew.fleet.events if event["event"] == "started"]
        os.kill(worker, signal.SIGKILL)
        until(lambda: [event["event"] for event in crew.fleet.events].count("ready") == 2)
        until(lambda: crew.depth("work") == 3)
        go.touch()
        assert [result.get(timeout=60) for result in results] == list(range(7))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
def test_what_is_forwarded_to_a_lane_that_drops_its_oldest_waits_for_room(
    broker: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    with lanes(SPLIT, broker, request, tmp_path) as crew:
        results = [crew.task("lanes.hold", str(go), number).apply_async() for number in range(2)]
        until(lambda: crew.depth("work:left") == 0)  # one runs, and one was taken ahead
        results += [crew.task("lanes.hold", str(go), number).apply_async() for number in range(2, 4)]
        late = Case("late", headers={"task": "lanes.hold"}, body=b'[["%s", 4], {}, {}]' % str(go).encode())
        sent = publish(crew, "work", [late])
        until(lambda: any("could not be passed on" in event.get("text", "") for event in list(crew.fleet.events)))
        assert crew.depth("work:left") == 2
        go.touch()
        results.append(crew.app.AsyncResult(sent["late"]["id"]))
        assert [result.get(timeout=60) for result in results] == list(range(5))


@pytest.mark.timeout(240)
def test_on_redis_bad_messages_make_way_though_every_queue_is_full(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As many as the worker takes ahead: each goes to the end of its queue, from which it was just taken."""
    with lanes(CROWDED, "redis", request, tmp_path) as crew:
        publish(crew, "work", [Case("first", headers={"task": "ghost.first"})])
        until(lambda: crew.depth("allotment.dead") == 1)
        publish(crew, "work", [Case(f"bad-{number}", headers={"task": "ghost.bad"}) for number in range(4)])
        waiting: deque[AsyncResult] = deque()
        for number in range(30):
            while True:
                try:
                    waiting.append(crew.task("deadly.live", number).apply_async())
                    break
                except QueueFull:  # and so it is nearly all the time
                    assert waiting.popleft().get(timeout=60) is not None
        assert [result.get(timeout=60) for result in waiting] == list(range(30 - len(waiting), 30))
        assert crew.depth("allotment.dead") == 1
        assert crew.fleet.stop() == 0
        assert crew.depth("work") == 4
