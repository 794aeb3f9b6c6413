"""On every broker: what was set aside is read without being touched, sent again once, and never lost on the way."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from celery.exceptions import NotRegistered
from conformance.conftest import Crew, own_place
from kombu import Connection
from redis import Redis
from redis.exceptions import OutOfMemoryError

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.dead.destination import Terms
from allotment.engine.dead.letters import Outcome, purge, read, replay
from allotment.engine.installation import install
from allotment.engine.quarantine import dead_queue
from allotment.errors import AllotmentError, BrokerUnreachable
from allotment.local.inventory import read_inventory
from allotment.model.dead_letter import DeadLetter
from allotment.model.names import DEAD_QUEUE
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.faults.proxy import Proxy

IDLE = """
app: crew.app:app
broker: ${BROKER_URL:-embedded}
results: ${RESULT_URL:-embedded}
profiles:
  left: {tasks: ["left.*"], queues: [idle, narrow, eager]}
  right: {tasks: ["right.*", "both.*"], queues: [idle]}
tasks:
  left.again: {queue: narrow}
  left.sleep: {queue: eager}
  "left.*": {queue: idle}
  "right.*": {queue: idle}
queues:
  narrow: {max_length: 2, when_full: reject}
  eager: {max_length: 2, when_full: drop-oldest}
"""
"""A fleet of which no worker runs, so that what is sent stays where it was sent to."""


def until(what: Callable[[], bool], timeout: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


@dataclass(frozen=True)
class Idle:
    """A fleet of which no worker runs, and its dead letters."""

    app: Celery
    folder: Path
    environment: dict[str, str]

    @property
    def broker_url(self) -> str:
        return str(self.app.conf.broker_url)

    def lay(self, task: str | None, *args: Any, headers: dict[str, Any] | None = None, **options: Any) -> str:
        return lay_aside(self.app, task, *args, headers=headers, **options)

    def letters(self) -> list[DeadLetter]:
        return read(self.app)

    def replay(self, queue: str | None = None, *, ignore_expiry: bool = False) -> list[Outcome]:
        return list(replay(self.app, self.letters(), Terms(queue, ignore_expiry=ignore_expiry)))

    def taken_from(self, queue: str) -> list[Any]:
        """Take every message out of a queue."""
        found = []
        with Connection(self.broker_url) as connection:
            channel = connection.default_channel
            while (message := _get(channel, queue)) is not None:
                message.ack()
                found.append(message)
        return found

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `allot dead` in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "allotment", "dead", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _get(channel: Any, queue: str) -> Any:
    try:
        raw = channel.basic_get(queue)
    except channel.connection.client.channel_errors:
        return None
    return None if raw is None else channel.message_to_python(raw)


def lay_aside(
    app: Celery,
    task: str | None,
    *args: Any,
    headers: dict[str, Any] | None = None,
    why: dict[str, Any] | None = None,
    body: bytes | None = None,
    content_type: str = "application/json",
    content_encoding: str = "utf-8",
    **options: Any,
) -> str:
    """Put a message into `allotment.dead` as the guard does, with the bytes that Celery makes; give its id."""
    identity = str(uuid.uuid4())
    made = app.amqp.task_protocols[2].__func__(app.amqp, identity, task, args=args) if task else None
    found = {**(made.headers if made else {}), **_why(task, why), **(headers or {})}
    text = json.dumps(made.body).encode() if body is None and made else body or b""
    with app.connection_for_write() as connection:
        queue = dead_queue()(connection.default_channel)
        queue.declare()
        connection.Producer().publish(
            text,
            exchange="",
            routing_key=DEAD_QUEUE,
            headers=found,
            content_type=content_type,
            content_encoding=content_encoding,
            correlation_id=identity,
            delivery_mode=2,
            **options,
        )
    return identity


def _why(task: str | None, why: dict[str, Any] | None) -> dict[str, Any]:
    said = {"reason": "unknown-task", "detail": f"there is no task {task!r}", "worker": "left-1@node-1"}
    return {"allotment_dead": {**said, "time": time.time(), "exchange": "", "queue": "idle", **(why or {})}}


@pytest.fixture(scope="module", params=["embedded", "redis", "valkey", "rabbitmq"])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idle]:
    """Give the fleet that does not run, on each broker in turn."""
    folder = tmp_path_factory.mktemp(f"idle-{request.param}")
    (folder / "crew").symlink_to(Path(__file__).parent.parent / "fixtures" / "projects" / "crew" / "crew")
    (folder / "fleet.yaml").write_text(IDLE)
    with own_place(request.param, request) as environment, _held(folder, environment):
        app = Celery("idle", set_as_current=False)
        install(read_fleet_file(folder / "fleet.yaml", environment), app, read_inventory("crew.app:app", folder).tasks)
        keep_results_quiet(app)
        app.allotment.before_connecting()
        yield Idle(app, folder, environment)
        close(app)


@contextmanager
def _held(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Have another process hold the broker, and so start its keeper, which then is nobody's child here."""
    program = "import sys; from allotment import Fleet; from celery import Celery; app = Celery()"
    program += "; Fleet.load('fleet.yaml').install(app); app.allotment.before_connecting(); print(); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"\n"
    yield
    holder.communicate(timeout=60)


@pytest.fixture
def idle(fleet: Idle) -> Iterator[Idle]:
    """Give it with empty queues."""
    yield fleet
    for queue in (DEAD_QUEUE, *fleet.app.allotment.compiled.queues):
        fleet.taken_from(queue)


def test_reading_takes_nothing_away_and_keeps_the_order(idle: Idle) -> None:
    ids = [idle.lay("ghost.task", number) for number in range(120)]
    first, second = idle.letters(), idle.letters()
    assert [letter.id for letter in first] == ids, "more than a page, the oldest first"
    assert first == second
    assert {(letter.task, letter.reason, letter.queue, letter.worker) for letter in first} == {
        ("ghost.task", "unknown-task", "idle", "left-1@node-1")
    }
    assert [message.headers["id"] for message in idle.taken_from(DEAD_QUEUE)] == ids


def test_no_queue_is_an_empty_one(idle: Idle) -> None:
    with Connection(idle.broker_url) as connection:
        connection.default_channel.queue_delete(DEAD_QUEUE)
    assert idle.letters() == []
    assert idle.replay() == []


def test_a_replayed_message_is_the_one_that_was_sent_and_counts_anew(idle: Idle) -> None:
    identity = idle.lay(
        "left.add",
        1,
        "é",
        headers={
            "allotment": {"queue": "elsewhere", "sent": 12.5},
            "allotment_deliveries": 4,
            "allotment_forwards": 5,
            "mine": "kept",
        },
        priority=3,
        reply_to="someone",
    )
    [outcome] = idle.replay()
    assert (outcome.letter.id, outcome.lane, outcome.refused) == (identity, "idle:left", None)
    assert outcome.letter.deliveries == 4
    assert idle.letters() == []
    [message] = idle.taken_from("idle:left")
    assert json.loads(message.body)[0] == [1, "é"]
    assert not {"allotment_dead", "allotment_deliveries", "allotment_forwards"} & message.headers.keys()
    assert message.headers["mine"] == "kept"
    assert message.headers["allotment"] == {"queue": "idle", "sent": 12.5}
    assert message.properties["correlation_id"] == identity
    assert message.properties["reply_to"] == "someone"
    assert message.properties["priority"] == 3
    assert message.content_type == "application/json"
    assert message.delivery_info["routing_key"] == "idle:left"


def test_a_body_keeps_each_of_its_bytes(idle: Idle) -> None:
    body = json.dumps([["x" * 300], {}, {}]).encode("utf-16")
    idle.lay("left.add", body=body, content_encoding="utf-16", why={"reason": "undecodable"})
    assert [outcome.refused is not None for outcome in idle.replay()] == [True]
    [outcome] = idle.replay("idle")
    assert outcome.lane == "idle", "the lane of all who consume the queue"
    with Connection(idle.broker_url) as connection:
        channel = connection.default_channel
        channel.auto_decode = False
        message = _get(channel, "idle")
        message.ack()
    assert message.body == body


def test_what_nobody_can_run_stays_with_the_reason(idle: Idle) -> None:
    ghost, _ = idle.lay("ghost.task"), idle.lay("left.add", 1, 2)
    outcomes = {outcome.letter.id: outcome for outcome in idle.replay()}
    assert "there is no task 'ghost.task'" in str(outcomes[ghost].refused)
    assert [letter.id for letter in idle.letters()] == [ghost]
    assert len(idle.taken_from("idle:left")) == 1


@pytest.mark.parametrize(("task", "queue"), [("left.again", "narrow"), ("left.sleep", "eager")])
def test_a_full_queue_refuses_and_loses_nothing(idle: Idle, task: str, queue: str) -> None:
    ids = [idle.lay(task, number) for number in range(4)]
    outcomes = idle.replay()
    assert [outcome.refused is None for outcome in outcomes] == [True, True, False, False]
    assert all("full" in str(outcome.refused) for outcome in outcomes[2:])
    assert [letter.id for letter in idle.letters()] == ids[2:]
    assert [message.headers["id"] for message in idle.taken_from(queue)] == ids[:2]
    assert [outcome.letter.id for outcome in idle.replay()] == ids[2:], "the rest, once there is room"


@pytest.mark.parametrize("fleet", ["redis", "valkey"], indirect=True)
def test_a_server_without_memory_lets_messages_go_and_what_it_refuses_is_told(idle: Idle) -> None:
    ids = [idle.lay("left.add", number, 1) for number in range(2)]
    with Redis.from_url(idle.broker_url.replace("valkey://", "redis://")) as server, ExitStack() as back:
        back.callback(server.config_set, "maxmemory", 0)
        server.config_set("maxmemory", 1)
        with pytest.raises(OutOfMemoryError):
            server.set("anything", 1)
        [first] = replay(idle.app, idle.letters()[:1], Terms())
        assert first.refused is None
        back.callback(server.config_set, "min-replicas-to-write", 0)
        server.config_set("min-replicas-to-write", 1)
        for use in (replay(idle.app, idle.letters(), Terms()), purge(idle.app, idle.letters())):
            with pytest.raises(BrokerUnreachable, match="NOREPLICAS"):
                list(use)
    assert [letter.id for letter in idle.letters()] == ids[1:]
    assert [message.headers["id"] for message in idle.taken_from("idle:left")] == ids[:1]


def test_hostile_headers_do_not_keep_the_others_from_being_read(idle: Idle) -> None:
    idle.lay("left.add", headers={"allotment_dead": "\x1b[2J", "id": {"a": [1]}, "task": ["x"], "expires": 12})
    idle.lay("left.add", headers={"allotment_dead": {"time": "soon", "reason": [], "queue": 5}, "id": "\x1b]0;x\x07"})
    idle.lay(None, body=b"\xff\x00", content_type="application/x-python-serialize", why={"time": -1.0})
    good = idle.lay("left.add", 1, 2)
    letters = idle.letters()
    assert len(letters) == 4
    assert [letter.id for letter in letters][3] == good
    assert len({letter.digest for letter in letters}) == 4
    outcomes = idle.replay()
    assert [outcome.letter.id for outcome in outcomes if outcome.refused is None][-1] == good


def test_two_replays_at_once_send_each_message_once(idle: Idle) -> None:
    ids = [idle.lay("left.add", number, 1) for number in range(120)]
    letters = idle.letters()
    turns = zip_longest(*(replay(idle.app, letters, Terms()) for _ in range(2)))
    outcomes = [outcome for turn in turns for outcome in turn if outcome is not None]
    outcomes += idle.replay()
    assert sorted(outcome.letter.key for outcome in outcomes if not outcome.gone) == sorted(ids)
    assert sorted(message.headers["id"] for message in idle.taken_from("idle:left")) == sorted(ids)


@pytest.mark.parametrize("fleet", ["redis"], indirect=True)
def test_what_others_take_meanwhile_hides_no_letter(idle: Idle) -> None:
    """Letters lie in a list there, and are found by how many lie behind them."""
    ids = [idle.lay("left.add", number, 1) for number in range(160)]
    letters = idle.letters()
    replaying = replay(idle.app, letters[40:], Terms())
    outcomes = [next(replaying)]
    assert len(list(purge(idle.app, letters[:40]))) == 40
    outcomes += replaying
    assert sorted(str(outcome.letter.id) for outcome in outcomes if outcome.lane) == sorted(ids[40:])
    ids = [idle.lay("left.add", number, 1) for number in range(160)]
    letters = idle.letters()
    found = read(idle.app, lambda count: list(purge(idle.app, letters[:40])) if count == 60 else None)
    assert sorted(str(letter.id) for letter in found) == sorted(ids)


@pytest.mark.parametrize("fleet", ["rabbitmq"], indirect=True)
def test_a_lost_connection_leaves_it_open_whether_the_last_is_in_both_which_is_told(idle: Idle) -> None:
    for number in range(3):
        idle.lay("left.add", number, 1)
    with Proxy(port=urlsplit(idle.broker_url).port or 0) as proxy:
        app = Celery("behind", set_as_current=False)
        environment = {**idle.environment, "BROKER_URL": proxy.url(idle.broker_url)}
        inventory = read_inventory("crew.app:app", idle.folder)
        install(read_fleet_file(idle.folder / "fleet.yaml", environment), app, inventory.tasks)
        told = []
        for use in (replay(app, idle.letters(), Terms()), purge(app, idle.letters())):
            next(use)
            proxy.cut()
            with pytest.raises(AllotmentError) as caught:
                list(use)
            told.append("send it twice" in str(caught.value.hint))
        close(app)
    assert told == [True, False], "what is thrown away is in no other queue"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_replay_that_is_stopped_loses_nothing(idle: Idle, number: signal.Signals) -> None:
    ids = {idle.lay("left.add", place, 1) for place in range(800)}
    replaying = idle.start("replay", "--all", "--json")
    with Connection(idle.broker_url) as connection:
        channel = connection.default_channel

        def some_are_sent() -> bool:
            if replaying.poll() is not None:
                pytest.fail(str(replaying.communicate()))
            try:
                return int(channel.queue_declare("idle:left", passive=True).message_count) > 20
            except connection.channel_errors:
                return False

        until(some_are_sent)
    replaying.send_signal(number)
    out, err = replaying.communicate(timeout=120)
    until(lambda: len(idle.letters()) + 21 <= len(ids) + 1)
    sent = [message.headers["id"] for message in idle.taken_from("idle:left")]
    left = [letter.id for letter in idle.letters()]
    assert set(sent) | set(left) == ids
    assert left, "it was stopped before the end"
    assert len(sent) == len(set(sent))
    assert len(set(sent) & set(left)) <= 1, "the one that was under way may be in both"
    if number is signal.SIGINT:
        assert replaying.returncode == 130, err
        document = json.loads(out)
        assert document["interrupted"]
        assert [one["id"] for one in document["replayed"]] == sent
        assert not set(sent) & set(left)


def test_purging_takes_what_is_meant_and_nothing_else(idle: Idle) -> None:
    ids = [idle.lay(task) for _ in range(60) for task in ("ghost.one", "ghost.one", "left.add")]
    meant = [letter for letter in idle.letters() if letter.task == "ghost.one"]
    gone = [identity for number, identity in enumerate(ids) if number % 3 != 2]
    assert [outcome.letter.id for outcome in purge(idle.app, meant)] == gone
    assert [letter.id for letter in idle.letters()] == ids[2::3]
    assert list(purge(idle.app, meant)) == []


def test_a_task_that_was_set_aside_runs_and_its_caller_sees_success(crew: Crew) -> None:
    """The guard stored a failure for it; the run after the replay stores over it."""
    identity = lay_aside(crew.app, "left.add", 20, 1, why={"queue": "work"})
    crew.app.backend.mark_as_failure(identity, NotRegistered("left.add"))
    assert crew.app.AsyncResult(identity).state == "FAILURE"
    [outcome] = [one for one in replay(crew.app, read(crew.app), Terms()) if one.letter.id == identity]
    assert outcome.lane == "work:left"
    until(lambda: crew.app.AsyncResult(identity).state == "SUCCESS")
    assert crew.app.AsyncResult(identity).result == 21
    assert identity not in {letter.id for letter in read(crew.app)}


def test_what_the_guard_sets_aside_is_read_with_its_reason(crew: Crew) -> None:
    plain = Celery("plain", broker=crew.broker_url, backend=crew.app.conf.result_backend, set_as_current=False)
    keep_results_quiet(plain)
    identity = plain.send_task("ghost.task", args=["é"], queue="work", ignore_result=True).id
    until(lambda: identity in {letter.id for letter in read(crew.app)})
    [letter] = [letter for letter in read(crew.app) if letter.id == identity]
    assert (letter.task, letter.reason, letter.queue) == ("ghost.task", "unknown-task", "work")
    assert abs(time.time() - (letter.time or 0)) < 120
    assert str(letter.worker).endswith(("@node-1", "@node-2"))
    assert [outcome.letter.id for outcome in purge(crew.app, [letter])] == [identity]
    close(plain)


@pytest.mark.parametrize("fleet", ["rabbitmq"], indirect=True)
def test_what_rabbitmq_gives_up_is_read_from_its_own_headers(idle: Idle) -> None:
    giver = f"giver-{uuid.uuid4()}"
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD_QUEUE, "x-expires": 60_000}
    headers, body = {"task": "left.add", "id": "given-up", "lang": "py"}, b"[[1, 2], {}, {}]"
    with Connection(idle.broker_url) as connection:
        channel = connection.default_channel
        dead_queue()(channel).declare()
        channel.queue_declare(giver, durable=True, auto_delete=False, arguments=arguments)
        producer = connection.Producer()
        producer.publish(body, routing_key=giver, headers=headers, content_type="application/json", expiration=3600)
        until(lambda: (message := _get(channel, giver)) is not None and (message.reject() or True))
    until(lambda: len(idle.letters()) == 1)
    [letter] = idle.letters()
    assert (letter.id, letter.task, letter.reason, letter.queue) == ("given-up", "left.add", "rejected", giver)
    assert abs(time.time() - (letter.time or 0)) < 120
    assert letter.worker is None
    [outcome] = idle.replay()
    assert outcome.lane == "idle:left", "its own queue: the fleet has no such queue as it came from"
    [message] = idle.taken_from("idle:left")
    assert message.headers == headers
    assert "expiration" not in message.properties
