"""The transport for Redis when workers are killed, connections break, and servers stop answering."""

import json
import os
import random
import signal
import time

import pytest
from engine.ledger_app import make
from engine.transports import (
    QUICK,
    Listener,
    launch_worker,
    noted,
    ours,
    publish,
    server_of,
    start_worker,
    stop,
    until,
    worker,
)
from kombu.exceptions import OperationalError
from redis.exceptions import ResponseError

from allotment.engine.redis_transport.channel import Channel
from allotment.testing.brokers import LocalServer
from allotment.testing.faults.proxy import Proxy


@pytest.fixture
def server(own_server: LocalServer) -> LocalServer:
    return own_server


@pytest.mark.timeout(300)
def test_no_message_is_lost_while_workers_are_killed(server: LocalServer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    ledger, log, count = tmp_path / "ledger", tmp_path / "log", 5000
    options = json.dumps(QUICK)
    chance = random.Random(5)
    app = make(server.url, "ours")
    look = server_of(server.url)
    workers = [start_worker(server.url, ledger, log=log, options=options) for _ in range(2)]
    kills, left_behind = set(chance.sample(range(500, count), 8)), 0
    try:
        with app, app.producer_or_acquire() as producer:
            for number in range(count):
                app.send_task("note", [number], producer=producer)
                if number in kills:
                    victim = chance.randrange(2)
                    workers[victim].kill()
                    workers[victim].wait()
                    left_behind += look.hlen("unacked")
                    workers[victim] = launch_worker(server.url, ledger, log=log, options=options)
        assert left_behind, "the fault came to pass"
        until(lambda: set(noted(ledger)) >= set(range(count)), timeout=120)
        until(lambda: not look.exists("work", "unacked", "unacked_index"))
    finally:
        for process in workers:
            process.kill()
            process.wait()


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_what_a_killed_worker_had_comes_back_soon_after_the_visibility_timeout(
    valkey: LocalServer, tmp_path, pool: str
) -> None:
    """Kombu looks for it each hundred seconds only, and not for 300 where the worker was killed while it looked."""
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    look = server_of(valkey.url)
    process = start_worker(
        valkey.url, ledger, log=log, options=json.dumps({"visibility_timeout": 2}), arguments=("-P", pool)
    )
    try:
        look.set("unacked_mutex", "whoever was killed", ex=Channel.unacked_mutex_expire)
        with make(valkey.url, "ours") as app:
            app.send_task("note", [1], queue="elsewhere")
        note = b"[" + look.rpop("elsewhere") + b', "", "work"]'
        look.hset("unacked", "its-tag", note)
        look.zadd("unacked_index", {"its-tag": look.time()[0]})
        until(lambda: noted(ledger) == [1], timeout=60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("sends", "works"), [("plain", "ours"), ("ours", "plain")])
def test_plain_celery_may_stand_at_the_other_side(valkey: LocalServer, tmp_path, sends: str, works: str) -> None:  # type: ignore[no-untyped-def]
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    app = make(valkey.url, sends)
    with worker(valkey.url, ledger, transport=works, log=log) as process, app:
        for number in range(100):
            app.send_task("note", [number], priority=(0, 3, 6, 9)[number % 4])
        until(lambda: sorted(noted(ledger)) == list(range(100)))
        assert [list(answer.values()) for answer in app.control.ping(timeout=10, limit=1)] == [[{"ok": "pong"}]]
        [stats] = app.control.inspect(timeout=10, limit=1).stats().values()
        assert stats["broker"]["transport"] == "redis"
        stop(process)
        assert not server_of(valkey.url).exists("work", "unacked", "unacked_index")


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent"])
def test_each_pool_takes_messages_and_ends_in_order(valkey: LocalServer, tmp_path, pool: str) -> None:  # type: ignore[no-untyped-def]
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    app = make(valkey.url, "ours")
    process = start_worker(valkey.url, ledger, log=log, arguments=("-P", pool))
    try:
        with app:
            for begin in (0, 50):
                for number in range(begin, begin + 50):
                    app.send_task("note", [number])
                until(lambda begin=begin: sorted(noted(ledger)) == list(range(begin + 50)))
            stop(process)
        assert process.returncode == 0, log.read_text()
        assert not server_of(valkey.url).exists("work", "unacked", "unacked_index")
    finally:
        process.kill()
        process.wait()


def test_consumers_come_and_go_by_remote_control(valkey: LocalServer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    app = make(valkey.url, "ours")
    look = server_of(valkey.url)
    with worker(valkey.url, ledger, log=log), app:
        control = app.control
        assert control.cancel_consumer("work", reply=True, timeout=10, limit=1)
        app.send_task("note", [1])
        assert control.add_consumer("other", reply=True, timeout=10, limit=1)
        app.send_task("note", [2], queue="other")
        until(lambda: noted(ledger) == [2])
        assert look.llen("work") == 1
        assert control.add_consumer("work", reply=True, timeout=10, limit=1)
        until(lambda: noted(ledger) == [2, 1])
        assert control.pool_shrink(1, reply=True, timeout=10, limit=1)
        app.send_task("note", [3])
        until(lambda: noted(ledger) == [2, 1, 3])


@pytest.mark.parametrize("pool", ["prefork", "gevent"])
def test_a_worker_consumes_again_after_the_server_or_its_connections_were_gone(
    server: LocalServer, tmp_path, pool: str
) -> None:
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    process = start_worker(server.url, ledger, log=log, arguments=("-P", pool))
    try:
        for number, fault in enumerate(["none", "cut", "killed", "cut", "stopped"]):
            if fault == "cut":
                server_of(server.url).client_kill_filter(_type="normal", skipme=True)
                server_of(server.url).client_kill_filter(_type="pubsub")
            elif fault == "killed":
                server.kill()
                server.start()
            elif fault == "stopped":
                server.stop()
                server.start()
            with make(server.url, "ours") as app:
                app.send_task("note", [number])
            until(lambda number=number: noted(ledger)[-1:] == [number], timeout=90)
        assert process.poll() is None
        stop(process)
    finally:
        process.kill()
        process.wait()


def test_what_a_server_without_room_on_its_disk_refuses_is_done_later(server: LocalServer) -> None:
    """So it answers to every write; here as it misses a replica. Raised, the refusal would end the worker."""
    look = server_of(server.url)
    with ours(server.url, **QUICK | {"visibility_timeout": 3600}) as connection:
        publish(connection, "done", "not now", "in hand")
        listener = Listener(connection, "work", prefetch=3)
        listener.hear_of(3)
        look.config_set("min-replicas-to-write", 1)
        with pytest.raises(ResponseError, match="NOREPLICAS"):
            look.set("anything", 1)
        listener.messages[0].ack()
        listener.messages[1].requeue()
        listener.hear(2)
        look.config_set("min-replicas-to-write", 0)
        listener.hear_of(4)
        assert listener.bodies[3] == "not now"
        assert look.hlen("unacked") == 2
        look.config_set("min-replicas-to-write", 1)
        listener.channel.close()
        assert look.hlen("unacked") == 2


def test_a_worker_goes_on_at_the_server_that_took_over(server: LocalServer, valkey: LocalServer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The one that was asked so far answers as before, but as a replica."""
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    process = start_worker(f"{server.url};{valkey.url}", ledger, log=log)
    try:
        with make(server.url, "ours") as app:
            app.send_task("note", [1])
        until(lambda: noted(ledger) == [1])
        server_of(server.url).replicaof("127.0.0.1", valkey.port)
        with make(valkey.url, "ours") as app:
            app.send_task("note", [2])
        until(lambda: noted(ledger) == [1, 2])
        assert process.poll() is None
        stop(process)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("limit", [None, 10])
def test_a_publish_to_a_server_that_stands_still_fails_by_its_deadline(server: LocalServer, limit: int | None) -> None:
    """The consumer's connection has the same deadline and is not cut by it while there is nothing to take."""
    with ours(server.url, socket_timeout=1, socket_connect_timeout=1) as connection:
        if limit is not None:
            connection.default_channel.queue_declare("work", arguments={"x-max-length": limit})
        listener = Listener(connection, "work")
        listener.hear(2.5)
        publish(connection, "before")
        listener.hear_of(1)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises((OperationalError, *connection.connection_errors)):
                publish(connection, "into the void")
            assert time.monotonic() - began < 30, "it ended by the deadline and not by the server"
        finally:
            os.kill(server.pid, signal.SIGCONT)
        publish(connection, "after")
        listener.hear_of(2)
        listener.hear()
        assert "after" in listener.bodies


@pytest.mark.timeout(180)
def test_a_worker_whose_connection_died_silently_connects_anew(server: LocalServer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    ledger, log = tmp_path / "ledger", tmp_path / "log"
    deadlines = {"health_check_interval": 2, "socket_timeout": 3, "socket_connect_timeout": 3}
    options = json.dumps(QUICK | deadlines | {"visibility_timeout": 3600})
    with Proxy("127.0.0.1", server.port) as proxy:
        process = start_worker(f"redis://127.0.0.1:{proxy.port}/0", ledger, log=log, options=options)
        try:
            app = make(server.url, "ours")
            with app:
                app.send_task("note", [1])
                until(lambda: noted(ledger) == [1])
                proxy.stall()
                app.send_task("note", [2])
                until(lambda: proxy.blocked > 0)
                app.send_task("note", [3])
                until(lambda: set(noted(ledger)) == {1, 2, 3}, timeout=120)
        finally:
            process.kill()
            process.wait()
