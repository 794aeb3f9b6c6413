"""What the tests of publishing share: a program that sends to one fleet, and what lies in its queues."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection, pools

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.faults.proxy import Proxy

WAIT = 60.0

FLEET = """
broker: ${BROKER_URL}
results: ${RESULT_URL:-none}
default_queue: crate
tasks: {box.number: {}}
profiles: {box: {tasks: ["box.*"], queues: [crate, narrow], time_limit: 1m}}
queues: {narrow: {max_length: 2}}
publish: {timeout: 3s, max_size: 1Mi}
"""

SOON = "timeout: 30s"
"""In place of the three seconds, where nothing is to go wrong: a busy machine takes its time."""


on_rabbitmq = pytest.mark.parametrize("place", ["rabbitmq"], indirect=True)


@contextmanager
def between(url: str) -> Iterator[tuple[Proxy, str]]:
    """Give a proxy before a broker, and the address that leads through it."""
    port = int(url.rpartition("@")[2].rpartition("//")[2].partition("/")[0].rpartition(":")[2] or 0)
    port = port or int(url.rstrip("/").rpartition(":")[2].partition("/")[0])
    with Proxy("127.0.0.1", port) as proxy:
        yield proxy, proxy.url(url)


def installed(folder: Path, url: str, text: str = FLEET, **addresses: str) -> Celery:
    """Give an app that sends to the fleet."""
    path = folder / "fleet.yaml"
    path.write_text(text)
    app = Celery("program", set_as_current=False)
    install(read_fleet_file(path, {"BROKER_URL": url, **addresses}), app)
    keep_results_quiet(app)
    return app


@contextmanager
def program(folder: Path, url: str, text: str = FLEET, **addresses: str) -> Iterator[Celery]:
    """Give the only such app of a test, whose connections are closed at the end."""
    app = installed(folder, url, text, **addresses)
    try:
        yield app
    finally:
        pools.reset()
        close(app)


def send(app: Celery, value: Any = 1, **options: Any) -> Any:
    """Send one task, of whose result nobody asks."""
    return app.send_task("box.number", [value], ignore_result=True, **options)


def depth(url: str, queue: str = "crate") -> int:
    """Count what waits in a queue, with a connection of its own."""
    with Connection(url) as connection:
        channel = connection.default_channel
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except connection.channel_errors:
            return 0


def values(url: str, queue: str = "crate") -> list[Any]:
    """Take what waits in a queue: the first argument of each task."""
    found = []
    with Connection(url) as connection:
        channel = connection.default_channel
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            if not hasattr(message, "payload"):
                message = channel.message_to_python(message)
            found.append(message.payload[0][0])
    return found


def until(true: Callable[[], Any], timeout: float = WAIT) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


def ends(function: Callable[[], Any], timeout: float = WAIT) -> Any:
    """Call something in a thread and give what it raised or gave. It fails if that hangs."""
    came: list[Any] = []

    def call() -> None:
        try:
            came.append(function())
        except BaseException as error:  # noqa: BLE001 - it is what is looked at
            came.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(timeout)
    assert came, "it hangs"
    return came[0]
