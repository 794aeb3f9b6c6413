"""What a call of a contract costs beside a plain `delay`: at the producer, and at the worker."""

import importlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from allotment.testing.brokers import BrokerServer, RabbitServer, RedisServer
from benchmarks.figures import Figure, Target, compared, timed
from benchmarks.machine import python

PAIRS = 40
CALLS = 250
"""Calls of a run; both kinds take turns, and which one goes first does too."""

RUNS_OF_WORKER = 15
TASKS = 1000

PRODUCER = Target(1.15)
WORKER = Target(1.05)


def measure() -> Iterator[Figure]:
    """Measure on RabbitMQ with `rpc://` results, and on Redis."""
    for kind, results in ((RabbitServer, "rpc://"), (RedisServer, None)):
        with kind() as server:
            os.environ |= {"BROKER_URL": server.url, "RESULT_URL": results or server.url}
            module = importlib.reload(importlib.import_module("benchmarks.contract_app"))
            yield from _producer(server, module)
            yield from _worker(server, module)
            module.app.close()


def _producer(server: BrokerServer, module: Any) -> Iterator[Figure]:
    ways = _sending(module.plain.delay), _sending(module.agreed.delay)
    for send in ways:
        send()
    runs = _in_turn(ways, PAIRS, module.app.control.purge)
    yield timed(f"{CALLS} plain delays, {server.name}", runs[0])
    yield compared(f"contract's delay over plain, {server.name}", runs[1], runs[0], PRODUCER)


def _sending(delay: Callable[[int, int], Any]) -> Callable[[], float]:
    def send() -> float:
        began = perf_counter()
        for number in range(CALLS):
            delay(number, number)
        return perf_counter() - began

    return send


def _in_turn(
    ways: tuple[Callable[[], float], Callable[[], float]], count: int, after: Callable[[], object]
) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(count):
        for which in (0, 1) if number % 2 else (1, 0):
            found[which].append(ways[which]())
            after()
    return found


def _worker(server: BrokerServer, module: Any) -> Iterator[Figure]:
    """Time so many tasks in one pool process, from a task before them to one after, both of which tell the time."""
    with _running():
        while not module.app.control.ping(timeout=1, limit=1):
            pass  # it starts
        ways = _draining(module, module.plain.apply_async), _draining(module, module.agreed.apply_async)
        for way in ways:
            way()
        runs = _in_turn(ways, RUNS_OF_WORKER, lambda: None)
    yield timed(f"{TASKS} plain tasks in a worker, {server.name}", runs[0])
    yield compared(f"contract's tasks over plain, {server.name}", runs[1], runs[0], WORKER)


def _draining(module: Any, send: Callable[..., Any]) -> Callable[[], float]:
    control = module.app.control

    def drain() -> float:
        control.cancel_consumer(module.QUEUE, reply=True, timeout=10, limit=1)
        before = module.clock.delay()
        for number in range(TASKS):
            send((number, number), ignore_result=True)
        after = module.clock.delay()
        control.add_consumer(module.QUEUE, reply=True, timeout=10, limit=1)
        return float(after.get(timeout=60) - before.get(timeout=60))

    return drain


@contextmanager
def _running() -> Iterator[None]:
    options = ("-P", "prefork", "-c", "1", "--without-gossip", "--without-mingle", "-l", "WARNING")
    worker = subprocess.Popen(
        [*python("-m", "celery", "-A", "benchmarks.contract_app", "worker"), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()
