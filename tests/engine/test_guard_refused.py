"""Messages that cannot be passed on, with the worker's clock in the hands of the test."""

import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError

from allotment.engine.guard.breaker import LONGEST, SHORTEST, Breaker, breaker_of
from allotment.engine.guard.refused import MOST_TRIPS, or_later
from allotment.engine.guard.seldom import SeldomWarning
from allotment.errors import BrokerBlocked, BrokerUnreachable, PublishUnconfirmed, QueueFull


class Desk:
    """What the guard needs of Celery's consumer, with messages in memory."""

    def __init__(self, connection: Connection) -> None:
        self.app = Celery("desk", broker=connection.as_uri(), set_as_current=False)
        self.connection_errors = connection.connection_errors
        self.channel = connection.default_channel
        self.task_consumer = SimpleNamespace(channel=self.channel)
        self.hostname = "desk@here"
        self.event_dispatcher = None
        self.timer = self
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_after(self, seconds: float, call_soon: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.later.append((seconds, lambda: call_soon(*arguments)))

    def call_soon(self, act: Callable[[], None]) -> None:
        act()

    def pass_time(self) -> None:
        """Do what was put off."""
        due, self.later = self.later, []
        for _, act in due:
            act()

    def taken(self, queue: str = "work") -> Any:
        """Take a message from a queue; None: there is none."""
        raw = self.channel.basic_get(queue)
        return None if raw is None else self.channel.message_to_python(raw)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Connection("memory://") as connection:
        made = Desk(connection)
        for queue in ("work", "allotment.dead"):
            made.channel.queue_declare(queue)
            made.channel.queue_purge(queue)
        connection.Producer().publish([[], {}, {}], routing_key="work", headers={"task": "a", "id": "1"})
        yield made


def failing(*errors: Exception) -> Callable[[], None]:
    """Give what raises these, one after another, and then nothing more."""
    left = list(errors)

    def act() -> None:
        if left:
            raise left.pop(0)

    return act


def test_an_error_that_comes_again_and_again_is_the_message_s_own(desk: Desk) -> None:
    message = desk.taken()
    or_later(desk, message, failing(*[AttributeError("no startswith")] * 9))
    for _ in range(MOST_TRIPS):
        assert not message.acknowledged
        desk.pass_time()
    assert message.acknowledged
    assert desk.later == []
    kept = desk.taken("allotment.dead")
    assert kept.headers["allotment_dead"]["reason"] == "undecodable"
    assert "no startswith" in kept.headers["allotment_dead"]["detail"]
    assert desk.taken() is None


def test_an_error_that_a_broken_connection_leads_to_is_not(desk: Desk) -> None:
    message = desk.taken()
    or_later(desk, message, failing(AttributeError("'NoneType' object has no attribute 'sock'")))
    desk.pass_time()
    assert desk.later == []
    assert desk.taken("allotment.dead") is None


def test_where_the_broker_takes_nothing_only_one_message_is_tried(desk: Desk) -> None:
    """Each try may hold up the worker for seconds."""
    tried: list[int] = []

    def refuse(number: int) -> None:
        tried.append(number)
        raise BrokerBlocked("it takes nothing")

    message = desk.taken()
    for number in range(5):
        or_later(desk, message, lambda number=number: refuse(number))
    assert tried == [0]
    assert len(desk.later) == 5, "and nothing is forgotten"


@pytest.mark.parametrize("error", [BrokerBlocked, BrokerUnreachable, PublishUnconfirmed, OperationalError, OSError])
def test_the_next_try_waits_longer_each_time_until_one_succeeds(error: type[Exception]) -> None:
    breaker = Breaker()
    waits = []
    for _ in range(9):
        with pytest.raises(error), breaker.trying():
            raise error("no")
        waits.append(breaker.wait)
    assert SHORTEST - 1 < waits[0] <= SHORTEST < waits[1]
    assert LONGEST - 1 < waits[-1] <= LONGEST
    with breaker.trying():
        pass
    assert breaker.wait == 0


def test_a_queue_that_is_full_keeps_nobody_from_others() -> None:
    breaker = Breaker()
    with pytest.raises(QueueFull), breaker.trying():
        raise QueueFull("it is full")
    assert breaker.wait == 0


def test_each_consumer_has_a_breaker_of_its_own(desk: Desk) -> None:
    assert breaker_of(desk) is breaker_of(desk)
    assert breaker_of(desk) is not breaker_of(SimpleNamespace())


def test_a_warning_that_comes_each_second_is_logged_once_of_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    warning = SeldomWarning(logging.getLogger("seldom"), "it did not work")
    for _ in range(50):
        warning.of(QueueFull("full"))
        warning.of(BrokerBlocked("blocked"))
    assert len(caplog.records) == 2


def test_how_often_it_came_meanwhile_is_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    warning = SeldomWarning(logging.getLogger("seldom"), "it did not work")
    for _ in range(4):
        warning.of(QueueFull("full"))
    monkeypatch.setattr("allotment.engine.guard.seldom.PERIOD", 0.0)
    warning.of(QueueFull("full"))
    assert "3 more times" in caplog.messages[-1]
