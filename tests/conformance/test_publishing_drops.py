"""What queues drop to make room is counted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection
from publishing_tools import FLEET, SOON, depth, program, send, until, values

from allotment.cli.views.dead import list_as_json, list_as_text
from allotment.engine.publishing.dropped import Dropped, dropped_counts
from allotment.errors import BrokerUnreachable
from allotment.model.names import DROPPED_QUEUE
from allotment.testing.brokers import BrokerServer, RabbitServer

pytestmark = pytest.mark.timeout(120)

DROPPING = FLEET.replace("timeout: 3s", SOON).replace(
    "queues: {narrow: {max_length: 2}}",
    "queues: {narrow: {max_length: 2, when_full: drop-oldest}, crate: {max_length: 2, when_full: drop-oldest}}",
)


@pytest.fixture(params=["rabbitmq", "redis"])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a broker that has dropped nothing."""
    server: BrokerServer = request.getfixturevalue({"rabbitmq": "rabbitmq", "redis": "redis_server"}[request.param])
    url = server.url if request.param == "rabbitmq" else server.url[:-1] + "11"
    yield url
    with Connection(url) as connection:
        if request.param == "redis":
            connection.default_channel.client.flushdb()
        for queue in ("crate", "narrow", DROPPED_QUEUE):
            connection.default_channel.queue_delete(queue)


def test_each_queue_s_drops_are_counted(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, DROPPING) as app:
        assert dropped_counts(app) == {}
        for value in range(5):
            send(app, value, queue="narrow")
        until(lambda: dropped_counts(app) == {"narrow": Dropped(3)})
        assert values(place, "narrow") == [3, 4]
        for value in range(3):
            send(app, value)
        until(lambda: dropped_counts(app) == {"crate": Dropped(1), "narrow": Dropped(3)})
        assert str(dropped_counts(app)["narrow"]) == "3"


def test_counting_takes_nothing_away(rabbitmq: RabbitServer, tmp_path: Path) -> None:
    with program(tmp_path, rabbitmq.url, DROPPING) as app:
        for value in range(5):
            send(app, value, queue="narrow")
        until(lambda: dropped_counts(app) == {"narrow": Dropped(3)})
        assert values(rabbitmq.url, DROPPED_QUEUE) == [0, 1, 2]
        with Connection(rabbitmq.url) as connection:
            for queue in ("narrow", DROPPED_QUEUE):
                connection.default_channel.queue_delete(queue)


def test_a_message_that_expired_was_not_dropped(rabbitmq: RabbitServer, tmp_path: Path) -> None:
    with program(tmp_path, rabbitmq.url, DROPPING) as app:
        send(app, 1, queue="narrow", expires=0.05)
        until(lambda: depth(rabbitmq.url, DROPPED_QUEUE) == 1)
        assert depth(rabbitmq.url, "narrow") == 0
        assert dropped_counts(app) == {}
        with Connection(rabbitmq.url) as connection:
            for queue in ("narrow", DROPPED_QUEUE):
                connection.default_channel.queue_delete(queue)


def test_what_keeps_them_is_full(rabbitmq: RabbitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allotment.engine.publishing.dropped.DROPPED_LENGTH", 3)
    with program(tmp_path, rabbitmq.url, DROPPING) as app:
        for value in range(5):
            send(app, value, queue="narrow")
        until(lambda: str(dropped_counts(app).get("narrow")) == "3 or more")
        with Connection(rabbitmq.url) as connection:
            for queue in ("narrow", DROPPED_QUEUE):
                connection.default_channel.queue_delete(queue)


@pytest.mark.parametrize("url", ["amqp://guest:guest@127.0.0.1:1//", "redis://127.0.0.1:1/0"])
def test_a_broker_that_is_not_there(url: str, tmp_path: Path) -> None:
    with program(tmp_path, url, DROPPING) as app, pytest.raises(BrokerUnreachable, match="port 1"):
        dropped_counts(app)


def test_the_drops_are_told_with_the_dead_letters(capsys: pytest.CaptureFixture[str]) -> None:
    drops = {"narrow": Dropped(3, or_more=True)}
    list_as_json([], drops)
    assert json.loads(capsys.readouterr().out)["dropped"] == {"narrow": {"count": 3, "or_more": True}}
    list_as_text([], drops, 0.0)
    assert "3 or more of narrow" in capsys.readouterr().out
