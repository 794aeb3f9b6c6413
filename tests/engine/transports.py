"""Connections, workers and looks behind the scenes for the tests of the transport for Redis."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kombu import Connection, Queue
from redis import Redis

from allotment.engine.redis_transport.connection import FleetConnection

OURS_AND_PLAIN = {"ours": FleetConnection, "plain": Connection}
QUICK = {"visibility_timeout": 3, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
"""Transport options with which what was left behind comes back within seconds."""


def until(what: Callable[[], bool], timeout: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


@contextlib.contextmanager
def ours(url: str, **options: Any) -> Iterator[FleetConnection]:
    """Give a connection with the fleet's transport."""
    with FleetConnection(url, transport_options=options) as connection:
        yield connection


def publish(connection: Connection, *bodies: Any, queue: str = "work", **options: Any) -> None:
    """Send bodies to a queue."""
    producer = connection.Producer()
    for body in bodies:
        producer.publish(body, routing_key=queue, serializer="json", **options)


class Listener:
    """Consumes queues of a connection, when it is told to, and keeps what it gets."""

    def __init__(self, connection: Connection, *queues: str, prefetch: int = 0, no_ack: bool = False) -> None:
        self.connection = connection
        self.messages: list[Any] = []
        self.channel = connection.channel()
        self.consumer = connection.Consumer(
            [Queue(name, routing_key=name, no_declare=True) for name in queues],
            channel=self.channel,
            on_message=self.messages.append,
            no_ack=no_ack,
            prefetch_count=prefetch or None,
        )
        self.consumer.consume()

    @property
    def bodies(self) -> list[Any]:
        return [message.decode() for message in self.messages]

    def hear(self, seconds: float = 0.3) -> None:
        """Take what there is, until nothing came for so many seconds."""
        while True:
            try:
                self.connection.drain_events(timeout=seconds)
            except TimeoutError:
                return

    def hear_of(self, count: int, timeout: float = 30.0) -> None:
        """Take until there are so many messages in all."""
        deadline = time.monotonic() + timeout
        while len(self.messages) < count:
            assert time.monotonic() < deadline, f"{len(self.messages)} of {count} came"
            with contextlib.suppress(TimeoutError):
                self.connection.drain_events(timeout=1)


def server_of(url: str) -> Redis:
    """Give a client that looks at the server itself."""
    return Redis.from_url(url)


@contextlib.contextmanager
def worker(url: str, ledger: Path, *, transport: str = "ours", log: Path, options: str = "") -> Iterator[Any]:
    """Run a worker of `ledger_app` in a process of its own; it is killed at the end."""
    process = start_worker(url, ledger, transport=transport, log=log, options=options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def launch_worker(
    url: str, ledger: Path, *, transport: str = "ours", log: Path, options: str = "", arguments: tuple[str, ...] = ()
) -> Any:
    """Start such a worker."""
    environment = {**os.environ, "BROKER": url, "TRANSPORT": transport, "LEDGER": str(ledger), "OPTIONS": options}
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "ledger_app",
        "worker",
        "-l",
        "INFO",
        "--without-gossip",
        "-c",
        "2",
    ]
    with log.open("ab") as written:
        return subprocess.Popen(
            [*command, "--without-mingle", "-n", f"w{os.urandom(4).hex()}@test", *arguments],
            cwd=Path(__file__).parent,
            env=environment,
            stdout=written,
            stderr=written,
        )


def start_worker(url: str, ledger: Path, *, log: Path, **options: Any) -> Any:
    """Start such a worker, and wait until it is ready."""
    begun = log.stat().st_size if log.exists() else 0
    process = launch_worker(url, ledger, log=log, **options)
    until(lambda: b" ready." in log.read_bytes()[begun:] or process.poll() is not None)
    assert process.poll() is None, log.read_text()
    return process


def stop(process: Any) -> None:
    """End a worker in order."""
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def noted(ledger: Path) -> list[int]:
    """Give the numbers in the ledger, in the order they were written."""
    return [int(line) for line in ledger.read_text().split()] if ledger.exists() else []
