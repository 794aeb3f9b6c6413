"""Processes that fork after they have sent, and what else happens on the way of one message."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.signals import before_task_publish
from kombu import Connection, Queue, pools
from publishing_tools import FLEET, SOON, WAIT, ends, program, send, values

from allotment.errors import BrokerUnreachable, MessageUnroutable
from allotment.testing.brokers import BrokerServer, RabbitServer

pytestmark = pytest.mark.timeout(240)

PATIENT = FLEET.replace("timeout: 3s", SOON)
EACH = 50
ADDRESSES = 5


@pytest.fixture(params=["rabbitmq", "redis_server"])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a broker with nothing in the queue of the fleet."""
    server: BrokerServer = request.getfixturevalue(request.param)
    url = server.url if request.param == "rabbitmq" else server.url[:-1] + "8"
    yield url
    with Connection(url) as connection:
        delete = "queue_delete" if request.param == "rabbitmq" else "queue_purge"
        getattr(connection.default_channel, delete)("crate")


def in_child(work: Any) -> int:
    """Fork a child that does something, and give its process id; it ends with 0 where nothing was raised."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def test_forked_processes_send_over_connections_of_their_own(place: str, tmp_path: Path) -> None:
    with program(tmp_path, place, PATIENT) as app:
        send(app, 0)

        def work(first: int) -> None:
            for value in range(first, first + EACH):
                send(app, value)

        children = [in_child(lambda first=first: work(first)) for first in (1000, 2000, 3000)]
        work(4000)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
        sent = [0] + [first + number for first in (1000, 2000, 3000, 4000) for number in range(EACH)]
        assert sorted(values(place)) == sent


def test_a_child_leaves_the_parent_s_connection_alone(rabbitmq: RabbitServer, tmp_path: Path) -> None:
    with program(tmp_path, rabbitmq.url, PATIENT) as app:
        send(app, 0)
        with app.pool.acquire() as connection:
            before = connection.connection
        child = in_child(lambda: (send(app, 1), pools.reset()))
        assert os.waitpid(child, 0)[1] == 0
        send(app, 2)
        with app.pool.acquire() as connection:
            assert connection.connection is before
            assert connection.connected
        assert values(rabbitmq.url) == [0, 1, 2]


def test_what_a_handler_sends_first_says_nothing_of_the_task(rabbitmq: RabbitServer, tmp_path: Path) -> None:
    def note(**_: object) -> None:
        with Connection(rabbitmq.url) as other, app.connection_for_write() as connection:
            other.default_channel.queue_delete("crate")
            connection.Producer().publish({"noted": 1}, routing_key="audit", declare=[Queue("audit")])

    with program(tmp_path, rabbitmq.url, PATIENT) as app:
        send(app)
        before_task_publish.connect(note)
        try:
            with pytest.raises(MessageUnroutable, match="no queue 'crate'"):
                send(app, 2)
        finally:
            before_task_publish.disconnect(note)
            with Connection(rabbitmq.url) as connection:
                assert connection.default_channel.queue_delete("audit") == 1


@pytest.fixture
def swallowing() -> Iterator[int]:
    """Give a port of a program that never takes a connection, and whose queue for them is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for one in waiting:
            one.close()


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_name_of_many_addresses_has_one_deadline(
    scheme: str, swallowing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest, **more: resolve("127.0.0.1", *rest, **more) * ADDRESSES)
    tried: list[Any] = []
    connect = socket.socket.connect

    def noted(one: socket.socket, address: Any) -> None:
        tried.append(one.gettimeout())
        connect(one, address)

    with program(tmp_path, f"{scheme}://many.test:{swallowing}/") as app:
        monkeypatch.setattr(socket.socket, "connect", noted)
        error = ends(lambda: send(app))
    assert isinstance(error, BrokerUnreachable), error
    assert len([seconds for seconds in tried if seconds]) < ADDRESSES, "each address had a deadline of its own"


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_resolver_that_does_not_answer_is_left_behind(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def silent(*_: object, **__: object) -> None:
        assert answers.wait(WAIT)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with program(tmp_path, f"{scheme}://slow.test/") as app:
        error = ends(lambda: send(app))
        answers.set()
    assert isinstance(error, BrokerUnreachable), error


def test_a_server_that_does_not_greet_back_is_left_behind(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"rediss://127.0.0.1:{server.getsockname()[1]}/0?ssl_cert_reqs=none"
        with program(tmp_path, address) as app:
            error = ends(lambda: send(app))
    assert isinstance(error, BrokerUnreachable), error
