"""A message on its way: its deadline, its size, and what is said of what goes wrong."""

import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from amqp.exceptions import AccessRefused, FrameSyntaxError, NotFound, PreconditionFailed
from celery import Celery
from kombu.exceptions import EncodeError, OperationalError

from allotment import errors
from allotment.engine.installation import install
from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import Attempt, Deadline, DeadlinePassed, current, under_way, within
from allotment.engine.publishing.rabbitmq.channel import is_talk
from allotment.engine.publishing.rabbitmq.fullness import is_full, may_refuse
from allotment.engine.publishing.sending import sending
from allotment.engine.publishing.size import check_size
from allotment.engine.publishing.translation import told
from allotment.source.fleet_file import read_fleet_file

FLEET = """
broker: amqp://user:secret@nowhere.invalid:5672//
results: redis://:secret@results.invalid/0
tasks: {a.b: {}}
profiles: {a: {queues: [q], time_limit: 1m}}
publish: {timeout: 7s, max_size: 100}
"""


@pytest.fixture
def app(tmp_path: Path) -> Celery:
    """Give an app of a fleet."""
    (tmp_path / "fleet.yaml").write_text(FLEET)
    made = Celery("app", set_as_current=False)
    install(read_fleet_file(tmp_path / "fleet.yaml", {}), made)
    return made


def attempt(**said: Any) -> Attempt:
    """Give one with an hour left."""
    return Attempt(Deadline.after(said.pop("seconds", 3600)), "a.b", "the-id", **said)


def test_it_is_known_in_its_thread_until_it_is_confirmed() -> None:
    found: list[Any] = []
    with under_way(attempt()) as outer:
        assert current() is outer
        thread = threading.Thread(target=lambda: found.append(current()))
        thread.start()
        thread.join()
        with under_way(attempt()) as inner:
            assert current() is inner
        outer.confirmed = True
        assert current() is None
    assert found == [None]


def test_times_to_wait_are_cut_to_what_is_left() -> None:
    assert (within(5), within(None)) == (5, None)
    with under_way(attempt(seconds=100)):
        assert within(5) == 5
        assert 99 < (within(None) or 0) <= 100
        assert 99 < (within(1000) or 0) <= 100
    with under_way(attempt(seconds=0)) as late:
        assert within(5) == 0
        with pytest.raises(DeadlinePassed):
            late.deadline.check()


@pytest.mark.parametrize(
    ("body", "headers", "fits"),
    [
        (b"x" * 100, {}, True),
        (b"x" * 101, {}, False),
        ("ä" * 50, {}, True),
        ("ä" * 51, {}, False),
        (b"x" * 90, {"name": "1234567"}, False),
        (b"x" * 90, {"name": "123456"}, True),
        (b"", {"deep": {"er": ["x" * 50, "ä" * 25]}}, False),
        (b"", None, True),
    ],
)
def test_a_message_s_size_is_that_of_its_bytes(body: Any, headers: Any, fits: bool) -> None:
    check_size(body * 10, headers)  # nobody asks
    with under_way(attempt(max_size=100)):
        check_size(body * 10, headers, "another")  # it is not the one on its way
        if fits:
            check_size(body, headers, "the-id")
            return
        with pytest.raises(errors.MessageTooLarge, match=r"'a\.b' \(id the-id\) has .* bytes.*: it was not sent"):
            check_size(body, headers, "the-id")


def test_the_errors_are_ours_and_kombu_s_and_travel() -> None:
    one = attempt(queue="q")
    made = [
        failures.full(one, "q:a", 5),
        failures.late(one),
        failures.blocked(one, "low on memory", "wait"),
        failures.unroutable(one, "queue 'q'"),
        failures.refused(one, "why"),
    ]
    for error in made:
        again = pickle.loads(pickle.dumps(error))
        assert isinstance(again, OperationalError)
        assert isinstance(again, errors.PublishFailed)
        assert (again.message, again.hint, again.task, again.task_id, again.queue) == (
            error.message,
            error.hint,
            "a.b",
            "the-id",
            "q",
        )
        assert "the-id" in str(again)
    assert "(its lane 'q:a')" in made[0].message
    large = failures.too_large(attempt(max_size=2**20), 17 * 2**20)
    assert isinstance(large, EncodeError)
    assert "has 17Mi, and a message may have 1Mi" in large.message


def _caused(error: BaseException) -> OperationalError:
    wrapped = OperationalError(str(error))
    wrapped.__cause__ = error
    return wrapped


class _Redis(Exception):
    """Stands for redis-py's."""


_Redis.__name__, _Redis.__module__ = "RedisError", "redis.exceptions"


@pytest.mark.parametrize(
    ("error", "sent", "kind", "words"),
    [
        (ConnectionRefusedError(111, "refused"), False, errors.BrokerUnreachable, "was not taken"),
        (ConnectionResetError(104, "reset"), True, errors.PublishUnconfirmed, "the connection broke before"),
        (PreconditionFailed("message size 9 larger than max", (60, 40)), False, errors.MessageTooLarge, "message size"),
        (_Redis("LOADING Redis is loading the dataset"), True, errors.PublishUnconfirmed, "then the broker takes no"),
        (NotFound("no exchange 'x'", (60, 40)), False, errors.MessageUnroutable, "no exchange 'x'"),
        (FrameSyntaxError("no form for 'x'"), False, errors.PublishFailed, "no form for 'x'"),
        (AccessRefused("write access refused", (60, 40)), False, errors.PublishFailed, "write access refused"),
        (_Redis("OOM command not allowed when used memory > 'maxmemory'."), False, errors.BrokerBlocked, "maxmemory"),
        (_Redis("command not allowed when used memory > 'maxmemory'."), False, errors.BrokerBlocked, "maxmemory"),
        (_Redis("MISCONF Redis is configured to save RDB"), False, errors.BrokerBlocked, "save its data"),
        (_Redis("You can't write against a read only replica."), False, errors.BrokerBlocked, "replica"),
        (_Redis("Redis is loading the dataset in memory"), False, errors.BrokerBlocked, "loads its data"),
        (_Redis("Connection closed by server."), False, errors.BrokerUnreachable, "results.invalid"),
        (errors.QueueFull("the queue 'q' is full", queue="q"), False, errors.QueueFull, "is full, and 'a.b' (id the"),
        (failures.full(attempt(), "q", 1), True, errors.PublishUnconfirmed, "then the queue 'q' is full"),
    ],
)
def test_what_went_wrong_below_is_put_into_words(
    app: Celery, error: Exception, sent: bool, kind: type[Exception], words: str
) -> None:
    for given in (error, _caused(error)) if not isinstance(error, errors.AllotmentError) else (error,):
        found = told(app, attempt(sent=sent), given)
        assert type(found) is not kind
        assert isinstance(found, kind), found
        assert words in str(found)
        assert "the-id" in str(found)
        assert "secret" not in str(found)


def test_what_was_not_sent_in_time_may_not_have_been_taken(app: Celery) -> None:
    error = told(app, attempt(seconds=0), DeadlinePassed())
    assert isinstance(error, errors.BrokerUnreachable)
    assert "within 0s" in error.message
    error = told(app, attempt(seconds=0, sent=True), DeadlinePassed())
    assert isinstance(error, errors.PublishUnconfirmed)


def test_the_deadline_is_the_fleet_s(app: Celery) -> None:
    with sending(app, "a.b"):
        found = current()
        assert found is not None
        assert found.deadline.seconds == 7
    with sending(app, "a.b", timeout=1):
        found = current()
        assert found is not None
        assert found.deadline.seconds == 1


def test_an_error_of_the_program_s_own_stays_what_it_is(app: Celery) -> None:
    with pytest.raises(ZeroDivisionError), sending(app, "a.b"):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("arguments", "waiting", "refuses", "full"),
    [
        ({}, 5, False, True),
        ({"x-max-length": 5}, 5, False, True),
        ({"x-max-length": 5, "x-overflow": "reject-publish"}, 5, True, True),
        ({"x-max-length": 5, "x-overflow": "reject-publish"}, 4, True, False),
        ({"x-max-length": 5, "x-overflow": "reject-publish-dlx"}, 6, True, True),
        ({"x-max-length": 10, "x-overflow": "reject-publish", "x-queue-type": "quorum"}, 8, True, True),
        ({"x-max-length": 10, "x-overflow": "reject-publish", "x-queue-type": "quorum"}, 7, True, False),
        ({"x-max-length-bytes": 10, "x-overflow": "reject-publish"}, 0, True, True),
    ],
)
def test_a_queue_is_full_at_its_limit(arguments: dict[str, Any], waiting: int, refuses: bool, full: bool) -> None:
    assert may_refuse(arguments) is refuses
    assert is_full(arguments, waiting) is full


def test_only_events_and_remote_control_are_talk() -> None:
    assert is_talk("celeryev")
    assert is_talk("celery.pidbox")
    assert is_talk("reply.celery.pidbox")
    assert not is_talk("")
    assert not is_talk("orders")
