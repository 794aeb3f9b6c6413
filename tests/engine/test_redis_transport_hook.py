"""The transport for Redis: where it stands in for kombu's, and what it needs of the server."""

import logging
import pickle

import pytest
import redis
from engine.ledger_app import make
from engine.transports import Listener, ours, publish, server_of, start_worker, stop, until
from kombu import Connection
from kombu.transport import pyamqp
from kombu.transport import redis as kombu_redis
from redis.exceptions import ResponseError

from allotment.engine.redis_transport import connection as hook
from allotment.engine.redis_transport.connection import FleetConnection
from allotment.engine.redis_transport.scripts import Script
from allotment.engine.redis_transport.transport import Transport
from allotment.engine.redis_transport.waking import TOLD, _say_untracked, waking
from allotment.testing.brokers import BrokerServer, LocalServer, RedisServer, ValkeyServer
from allotment.testing.fixtures import require


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("redis://localhost:1/0", Transport),
        ("rediss://localhost:1/0", Transport),
        ("redis+socket:///nowhere.sock", Transport),
        ("redis://a:1/0;redis://b:1/0", Transport),
        ("amqp://localhost:1//", pyamqp.Transport),
    ],
)
def test_it_stands_in_where_the_server_speaks_redis(url: str, transport: type) -> None:
    connection = FleetConnection(url)
    copies = [connection, connection.clone(), pickle.loads(pickle.dumps(connection)), connection.Pool(1).new()]
    assert all(issubclass(copy.get_transport_cls(), transport) for copy in copies)
    assert all(copy.transport.driver_type == transport.driver_type for copy in copies)


def test_it_stays_after_a_switch_to_another_node() -> None:
    connection = FleetConnection("redis://a:1/0;redis://b:2/0")
    connection.maybe_switch_next()
    assert connection.hostname == "b"
    assert connection.get_transport_cls() is Transport


def test_an_option_leaves_kombu_s_own() -> None:
    connection = FleetConnection("redis://localhost:1/0", transport_options={"allotment": False})
    assert connection.get_transport_cls() is kombu_redis.Transport
    assert connection.Pool(1).new().get_transport_cls() is kombu_redis.Transport


def test_sentinel_is_left_to_kombu_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    hook._say_sentinel.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert FleetConnection("sentinel://a:1").get_transport_cls() is kombu_redis.SentinelTransport
    assert [record.levelname for record in caplog.records if "Sentinel" in record.message] == ["WARNING"]


def test_a_node_of_a_cluster_is_refused_with_its_reason() -> None:
    require(RedisServer)
    with (
        RedisServer(settings={"cluster-enabled": "yes"}) as server,
        FleetConnection(server.url) as connection,
        pytest.raises(connection.connection_errors, match="Redis Cluster"),
    ):
        connection.channel()


def test_a_server_that_knows_no_flags_gets_the_script_without() -> None:
    script = Script("return 1", frees=True)
    assert script.whole([], [])[1].startswith("#!lua")
    assert script.try_again(redis.exceptions.NoScriptError("NOSCRIPT"))
    assert script.try_again(ResponseError("Error compiling script (new function): user_script:1: unexpected symbol"))
    assert script.whole([], [])[1] == "return 1"
    assert not script.try_again(
        ResponseError("Error compiling script (new function): user_script:1: unexpected symbol")
    )
    assert not Script("return 1").try_again(ResponseError("WRONGTYPE"))


@pytest.fixture
def server(own_server: LocalServer) -> LocalServer:
    return own_server


@pytest.mark.parametrize("kind", [RedisServer, ValkeyServer])
def test_a_server_without_the_newer_protocol_is_spoken_to_in_the_older(kind: type[LocalServer]) -> None:
    require(kind)
    _say_untracked.cache_clear()
    with kind(settings={"rename-command": 'HELLO ""'}) as server:
        connection = waking(redis.Connection)(port=server.port, protocol=3)
        connection.connect()
        assert not connection.tracked
        connection.send_command("PING")
        assert connection.read_response() == b"PONG"
        connection.disconnect()


def test_nobody_who_waits_is_woken_by_what_others_acknowledge(server: LocalServer) -> None:
    with ours(server.url) as waits, ours(server.url) as works:
        publish(works, "x", queue="other")
        waiting = Listener(waits, "work")
        waiting.hear()
        listener = Listener(works, "other")
        listener.hear_of(1)
        listener.messages[0].requeue()
        listener.hear_of(2)
        listener.messages[1].ack()
        connection = waiting.channel.client.connection
        assert connection.tracked
        assert not connection.can_read(timeout=0.2)
        publish(works, "y")
        assert connection.can_read(timeout=10)
        assert connection.read_response(push_request=True) is TOLD


@pytest.mark.parametrize("pool", ["prefork", "gevent"])
def test_workers_that_are_not_told_look_often(valkey_server: BrokerServer, tmp_path, pool: str) -> None:  # type: ignore[no-untyped-def]
    look = server_of(valkey_server.url)
    look.flushall()
    look.execute_command("ACL", "SETUSER", "shy", "on", ">secret", "~*", "&*", "+@all", "-client|tracking")
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    address = valkey_server.url.replace("redis://", "redis://shy:secret@")
    process = start_worker(address, ledger, log=log, arguments=("-P", pool))
    try:
        with make(valkey_server.url, "plain") as app:
            for number in range(5):
                app.send_task("note", [number])
                until(lambda number=number: ledger.exists() and ledger.read_text().split()[-1:] == [str(number)])
        assert log.read_text().count("CLIENT TRACKING") == 1
        assert "secret" not in log.read_text()
        stop(process)
    finally:
        process.kill()
        process.wait()


def test_a_connection_of_a_plain_app_is_as_it_was(valkey_server: BrokerServer) -> None:
    with Connection(valkey_server.url) as connection:
        assert type(connection.transport) is kombu_redis.Transport
