"""Brokers of several nodes, of which some are down or say nothing: what starts, and what a worker's probe tells."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from kombu import Connection

from allotment.engine.addresses import check_broker
from allotment.engine.probe import BrokerProbe
from allotment.errors import BrokerUnreachable
from allotment.testing.brokers import BrokerServer, RabbitServer, RedisServer, free_ports
from allotment.testing.fixtures import require


def down(scheme: str, number: int) -> list[str]:
    """Give addresses at which nobody listens."""
    return [f"{scheme}://127.0.0.1:{port}/" for port in free_ports(number)]


def scheme_of(broker: BrokerServer) -> str:
    return broker.url.partition("://")[0]


@contextmanager
def silent(scheme: str, number: int) -> Iterator[list[str]]:
    """Give addresses that take connections and answer nothing."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        yield [f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/" for listener in listeners]


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_a_node_that_lives_is_found_behind_those_that_are_down(broker: BrokerServer, number: int) -> None:
    check_broker(";".join([*down(scheme_of(broker), number), broker.url]))


def test_a_node_that_lives_is_found_behind_those_that_say_nothing(broker: BrokerServer) -> None:
    with silent(scheme_of(broker), 2) as quiet:
        check_broker(";".join([*quiet, broker.url]), timeout=0.5)


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_nodes_that_are_all_down_are_an_error_of_the_first(scheme: str) -> None:
    nodes = down(scheme, 3)
    with pytest.raises(BrokerUnreachable) as raised:
        check_broker(";".join(nodes))
    assert f"port {nodes[0].rpartition(':')[2].strip('/')}: " in raised.value.message


def test_the_node_that_refuses_the_login_is_named(rabbitmq: RabbitServer) -> None:
    refusing = f"amqp://nobody:canary@127.0.0.1:{rabbitmq.port}//"
    with pytest.raises(BrokerUnreachable, match=f"port {rabbitmq.port}: ") as raised:
        check_broker(";".join([*down("amqp", 2), refusing, rabbitmq.url]))
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(("scheme", "query"), [("redis", "?foo=bar"), ("http", "")])
def test_an_address_that_kombu_does_not_take_is_an_error_of_ours(scheme: str, query: str) -> None:
    with pytest.raises(BrokerUnreachable) as raised:
        check_broker(f"{scheme}://:canary@127.0.0.1/0{query}")
    assert "canary" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_probe_finds_a_node_as_the_worker_does(broker: BrokerServer, number: int) -> None:
    nodes = ";".join([*down(scheme_of(broker), number), broker.url])
    with Connection(nodes) as unconnected, Connection(nodes) as connected:
        connected.ensure_connection(max_retries=2 * number, interval_start=0, interval_step=0)
        for template in (unconnected, connected):
            probe = BrokerProbe(lambda template=template: template)
            assert probe.answers()
            assert probe.answers()
            probe.close()


def test_the_probe_asks_no_other_node_than_the_workers() -> None:
    require(RedisServer)
    with RedisServer() as first, RedisServer() as second:
        nodes = f"{first.url};{second.url}"
        with Connection(nodes) as connection:
            connection.ensure_connection(max_retries=1)
            probe = BrokerProbe(lambda: connection)
            assert probe.answers()
            os.kill(first.pid, signal.SIGSTOP)
            try:
                assert not probe.answers()
                assert not probe.answers()
            finally:
                os.kill(first.pid, signal.SIGCONT)
            assert probe.answers()
            probe.close()


def test_the_probe_follows_the_worker_to_another_node() -> None:
    require(RedisServer)
    with RedisServer() as first, RedisServer() as second:
        unconnected, connected = Connection(f"{first.url};{second.url}"), Connection(second.url)
        templates = [unconnected]
        probe = BrokerProbe(lambda: templates[-1])
        assert probe.answers()
        with connected.ensure_connection(max_retries=1):
            templates.append(connected)
            assert probe.answers()
            os.kill(second.pid, signal.SIGSTOP)
            try:
                assert not probe.answers()
            finally:
                os.kill(second.pid, signal.SIGCONT)
        probe.close()
