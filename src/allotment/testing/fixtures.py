"""Pytest fixtures that give real broker servers: `pytest_plugins = ["allotment.testing.fixtures"]` in a conftest.py.

A server is started when the first test asks for it and serves all tests of the session, so tests should use queues of
their own. A test that stops or kills a server should make one for itself, after `require` has seen to it that it can.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

import pytest

from allotment.testing.brokers import BrokerServer, LocalServer, RabbitServer, RedisServer, ValkeyServer

SERVERS: Final[Mapping[str, type[LocalServer]]] = {
    server.name: server for server in (RabbitServer, RedisServer, ValkeyServer)
}
"""The kinds of server by the name of the broker."""

FIXTURES: Final[Mapping[str, str]] = {"rabbitmq": "rabbitmq", "redis": "redis_server", "valkey": "valkey_server"}

Server = TypeVar("Server", bound=LocalServer)


def require(server: type[LocalServer]) -> None:
    """Skip the running test if this machine cannot run `server`; fail it if the environment variable CI is set."""
    reason = server.unavailable()
    if reason and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitServer]:
    """Give a running RabbitMQ."""
    yield from _running(RabbitServer)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Give a running Redis."""
    yield from _running(RedisServer)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """Give a running Valkey."""
    yield from _running(ValkeyServer)


@pytest.fixture(scope="session", params=list(FIXTURES))
def broker(request: pytest.FixtureRequest) -> BrokerServer:
    """Give each kind of running broker server in turn, the same ones that the fixtures above give."""
    server: BrokerServer = request.getfixturevalue(FIXTURES[request.param])
    return server


def _running(kind: type[Server]) -> Iterator[Server]:
    require(kind)
    with kind() as server:
        yield server
