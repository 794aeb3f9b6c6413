"""RabbitMQ takes nothing: a worker with messages that it cannot run waits for that, and is not taken for hanging."""

from pathlib import Path

import pytest
from conformance.test_guard import take_dead
from conformance.test_guard_full_queues import TASKS
from conformance.test_guard_hostile import Case, publish
from conformance.test_guard_poison import running, until
from conformance.test_publishing_alarm import Alarm, alarm, own_rabbit  # noqa: F401 - two are fixtures

from allotment.testing.brokers import RabbitServer

FLEET = """
app: lanes:app
broker: ${BROKER_URL}
results: embedded
default_queue: work
queues: {work: {}}
profiles:
  all: {tasks: ["lanes.*", "deadly.*"], queues: [work], concurrency: 1, prefetch: 4, time_limit: 2m}
"""

AHEAD = 4
"""Messages that its worker takes ahead."""

ROUNDS = 5
"""How often one is tried: for longer than an idle worker may get nothing of what waits for it."""

TALKATIVE = """
from allotment.engine.guard import seldom

seldom.PERIOD = 0.0
"""
"""With it workers log each time that a message cannot be passed on."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bad", [3, 4])
def test_messages_that_cannot_be_passed_on_get_no_worker_restarted(
    own_rabbit: RabbitServer,  # noqa: F811 - a fixture
    alarm: Alarm,  # noqa: F811 - as above
    bad: int,
    tmp_path: Path,
) -> None:
    """With less of them than it takes ahead it goes on with the others, with as many it waits for the broker."""
    go = tmp_path / "go"
    (tmp_path / "lanes.py").write_text(TASKS + TALKATIVE)
    with running(FLEET, tmp_path, {"BROKER_URL": own_rabbit.url}) as crew:
        held = [crew.task("lanes.hold", str(go), number).apply_async() for number in range(AHEAD + 1)]
        until(lambda: crew.depth("work") == 0)  # one runs, and as many were taken ahead as may be
        cases = [Case(f"bad-{number}", headers={"task": "ghost.bad"}) for number in range(bad)]
        publish(crew, "work", cases)
        good = [crew.task("deadly.live", number).apply_async() for number in range(5)]
        alarm.on()
        go.touch()
        assert [result.get(timeout=60) for result in held] == list(range(AHEAD + 1))
        if bad < AHEAD:
            assert [result.get(timeout=60) for result in good] == list(range(5)), "they are behind the bad ones"

        def refusals() -> int:
            return sum("could not be passed on" in event.get("text", "") for event in list(crew.fleet.events))

        until(lambda: refusals() >= ROUNDS, timeout=120)
        alarm.off()
        assert [result.get(timeout=120) for result in good] == list(range(5))
        taken = take_dead(crew, bad, timeout=120)
        assert sorted(headers["case"] for headers, _ in taken) == [case.name for case in cases], "each is there once"
        assert not [event for event in crew.fleet.events if event["event"] in {"ended", "given-up", "restarting"}]
        assert crew.depth("allotment.dead") == 0
