"""Workers that run and do not do their work: `allot up` tells of them and starts them again, and only them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from acceptance.conftest import clean_environment
from acceptance.test_supervision import gone, pid_of, until
from celery import Celery

from allotment.local.heartbeat import check, usual_path
from allotment.local.running import RunningFleet
from allotment.testing.brokers import BrokerServer
from allotment.testing.faults.proxy import Proxy

APP = '''
import os
from pathlib import Path

from celery import Celery
from celery.worker.control import Panel

app = Celery("ward")


@app.task(name="ward.note")
def note(path):
    """Say by a file that this ran."""
    Path(path).touch()


@Panel.register
def hang(state, pipe):
    """Block the main loop until somebody writes into the pipe."""
    os.close(os.open(pipe, os.O_RDONLY))


@Panel.register
def deafen(state):
    """Consume no more, and know nothing of it."""
    state.consumer.task_consumer.cancel()
'''
KINDS = ("starving", "stopped", "looping", "paused")
FLEET = (
    "app: ward:app\nbroker: ${BROKER_URL}\nresults: none\ndefault_queue: paused\nprofiles:\n"
    + "".join(f"  {kind}: {{queues: [{kind}], concurrency: 1, pool: {{pool}}}}\n" for kind in KINDS)
)  # fmt: skip


def write(folder: Path, pool: str) -> Path:
    (folder / "ward.py").write_text(APP)
    (folder / "fleet.yaml").write_text(FLEET.replace("{pool}", pool))
    return folder / "fleet.yaml"


@contextmanager
def telling(fleet: RunningFleet) -> Iterator[None]:
    """Show what the fleet said, where a test fails."""
    try:
        yield
    finally:
        for event in fleet.events:
            print(event)


def restarted(fleet: RunningFleet, kind: str) -> list[str]:
    """Give the reasons for which a worker was started again."""
    return [
        event["reason"]
        for event in list(fleet.events)
        if event["event"] == "restarting" and event["worker"] == f"{kind}-1@local"
    ]


def readies(fleet: RunningFleet, kind: str) -> int:
    return sum(event["event"] == "ready" and event["worker"] == f"{kind}-1@local" for event in list(fleet.events))


def send(server: BrokerServer, kind: str, path: Path) -> None:
    """Send a task to a worker's queue, past the proxy."""
    with Celery("client", broker=server.url, set_as_current=False) as app:
        queue: dict[str, Any] = {"queue": kind}
        app.send_task("ward.note", args=[str(path)], ignore_result=True, **queue)


def proxied(server: BrokerServer) -> Proxy:
    parts = urlsplit(server.url)
    assert parts.hostname
    assert parts.port
    return Proxy(parts.hostname, parts.port)


@pytest.mark.timeout(240)
def test_workers_that_hang_and_starve_are_started_again_and_no_others(
    redis_server: BrokerServer, tmp_path: Path
) -> None:
    file, pipe = write(tmp_path, "prefork"), tmp_path / "pipe"
    os.mkfifo(pipe)
    environment = {**clean_environment(), "BROKER_URL": redis_server.url}
    with RunningFleet(file, environment=environment) as fleet, telling(fleet):
        until(lambda: all(check(usual_path(f"{kind}-1@local", file)).healthy for kind in KINDS))
        children = psutil.Process(pid_of(fleet, "stopped-1@local")).children()
        os.kill(pid_of(fleet, "stopped-1@local"), signal.SIGSTOP)
        with Celery("client", broker=redis_server.url, set_as_current=False) as app:
            app.control.broadcast("hang", arguments={"pipe": str(pipe)}, destination=["looping-1@local"])
            app.control.broadcast("deafen", destination=["starving-1@local"], reply=True, timeout=10, limit=1)
            app.control.cancel_consumer("paused", destination=["paused-1@local"], reply=True, timeout=10, limit=1)
        send(redis_server, "paused", tmp_path / "waits")
        send(redis_server, "starving", tmp_path / "ran")
        until(lambda: restarted(fleet, "starving") != [], 120)
        assert restarted(fleet, "starving") == ["starved: messages wait in starving, and it gets none of them"]
        until((tmp_path / "ran").exists)
        until(lambda: restarted(fleet, "stopped") != [] and restarted(fleet, "looping") != [], 120)
        assert "it has said nothing for" in restarted(fleet, "stopped")[0]
        assert "its main loop has stood still for" in restarted(fleet, "looping")[0]
        until(lambda: [readies(fleet, kind) for kind in KINDS] == [2, 2, 2, 1])
        until(lambda: gone(children))
        assert not restarted(fleet, "paused"), "it was told not to consume"
        assert not (tmp_path / "waits").exists()


@pytest.mark.timeout(240)
def test_a_worker_whose_connection_is_half_open_is_started_again(rabbitmq: BrokerServer, tmp_path: Path) -> None:
    file = write(tmp_path, "threads")
    with proxied(rabbitmq) as proxy:
        environment = {**clean_environment(), "BROKER_URL": proxy.url(rabbitmq.url)}
        with RunningFleet(file, environment=environment) as fleet, telling(fleet):
            until(lambda: check(usual_path("starving-1@local", file)).healthy)
            proxy.stall()  # what connects anew passes: the heartbeat's own connection does
            for number in range(20):  # the broker gives some of them to the connection that is half open
                send(rabbitmq, "starving", tmp_path / f"ran-{number}")
            until(lambda: "starved" in check(usual_path("starving-1@local", file)).detail, 120)
            until(lambda: restarted(fleet, "starving") != [])
            assert restarted(fleet, "starving") == ["starved: messages wait in starving, and it gets none of them"]
            proxy.cut()  # the broker learns that the old connection is gone, which holds the worker's name until then
            until(lambda: len(list(tmp_path.glob("ran-*"))) == 20, 120)
            assert [readies(fleet, kind) for kind in KINDS] == [2, 1, 1, 1], "nothing waits for the others"
