"""`allotment.dead` is full: nothing more is put there, nothing is lost, and what is good is run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.conftest import Crew, own_place
from conformance.test_guard import take_dead
from conformance.test_guard_hostile import Case
from conformance.test_guard_poison import running, until
from kombu import Connection

from allotment.local.running import RunningFleet

TALKATIVE = """
from deadly import app

from allotment.engine.guard import seldom

seldom.PERIOD = 0.0
"""
"""An app whose workers log each time that a message cannot be passed on, and not once in a while."""
FLEET = """
app: talkative:app
broker: ${BROKER_URL:-embedded}
results: ${RESULT_URL:-embedded}
dead_letters: {max_length: 2}
queues:
  work: {OPTIONS}
profiles:
  all: {tasks: ["deadly.*"], queues: [work], concurrency: 2, time_limit: 1mPOOL}
"""

KINDS = {
    "redis": ("redis", "", ""),
    "redis-limited": ("redis", "delivery_limit: 3", ""),
    "redis-solo": ("redis", "", ", pool: solo"),
    "rabbitmq-classic": ("rabbitmq", "", ""),
    "rabbitmq-limited": ("rabbitmq", "delivery_limit: 3", ""),
    "rabbitmq-quorum": ("rabbitmq", "type: quorum, delivery_limit: 3", ""),
    "rabbitmq-threads": ("rabbitmq", "delivery_limit: 3", ", pool: threads"),
}
BAD = [
    *(Case(f"unknown-{number}", headers={"task": f"ghost.number-{number}"}) for number in range(3)),
    *(Case(f"undecodable-{number}", body=b"[" * number) for number in range(1, 4)),
    Case("eta", headers={"task": "deadly.live", "eta": "never"}),
    Case("refused", headers={"task": "deadly.live"}, content_type="application/x-yaml"),
]

ROOM = 2
"""How many of them `allotment.dead` holds."""
ROUNDS = 9
"""How often the others are tried again: more often than any of the queues would have them delivered."""


@pytest.fixture(params=list(KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path, dict[str, str]]]:
    """Give the text of the fleet file, a folder for it and the addresses, on each broker in turn."""
    name, options, pool = KINDS[request.param]
    (tmp_path / "talkative.py").write_text(TALKATIVE)
    with own_place(name, request) as environment:
        yield FLEET.replace("OPTIONS", options).replace("POOL", pool), tmp_path, environment


def waiting(crew: Crew) -> int:
    """Count what waits in the fleet's queue and among the dead letters."""
    return crew.depth("work") + crew.depth("allotment.dead")


def refusals(crew: Crew) -> int:
    """Count how often the broker has taken no copy of a message, as the worker says in its log."""
    return sum("could not be passed on" in event.get("text", "") for event in list(crew.fleet.events))


@pytest.mark.timeout(240)
def test_nothing_is_lost_and_what_is_good_is_run(place: tuple[str, Path, dict[str, str]]) -> None:
    text, folder, environment = place
    with running(text, folder, environment) as crew:
        with Connection(crew.broker_url) as connection:
            for case in BAD:
                connection.Producer().publish(
                    case.body,
                    routing_key="work",
                    headers=case.all_headers | {"task": case.headers.get("task", "deadly.live")},
                    content_type=case.content_type,
                    content_encoding=case.content_encoding,
                )
        until(lambda: crew.depth("allotment.dead") == ROOM)
        for number in range(ROUNDS):
            until(lambda number=number: refusals(crew) >= number * (len(BAD) - ROOM))
            assert crew.task("deadly.live", number).apply_async().get(timeout=60) == number
        assert crew.depth("allotment.dead") == ROOM, "the limit is kept"
        assert crew.fleet.stop() == 0
        assert waiting(crew) == len(BAD), "a worker that stops in the pause loses nothing"
        with RunningFleet(folder / "fleet.yaml", environment=environment):
            taken = take_dead(crew, len(BAD), timeout=60)
        assert sorted(headers["case"] for headers, _ in taken) == sorted(case.name for case in BAD)
        reasons = {headers["case"]: headers["allotment_dead"]["reason"] for headers, _ in taken}
        assert set(reasons.values()) == {"unknown-task", "undecodable", "unreadable-eta", "content-refused"}
        assert waiting(crew) == 0
