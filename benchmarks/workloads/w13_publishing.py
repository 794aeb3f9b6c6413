"""What confirms cost: of tasks sent together, of each by itself, and of plain Celery's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from celery import Celery
from kombu import pools

from allotment.engine.client import close
from allotment.engine.installation import install
from allotment.engine.publishing.bulk import together
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer
from benchmarks.figures import Figure, Target, compared, timed

CALLS = 2000
RUNS = 7

CONFIRMS = Target(1.2)

TOGETHER = "together"
TOGETHER_WITHOUT = "together without confirms"
SINGLY = "one by one"
PLAIN = "plain with confirms"
PLAIN_WITHOUT = "plain without confirms"

FLEET = """
broker: ${BROKER_URL}
results: none
tasks: {sum: {queue: fleet}}
profiles: {all: {queues: [fleet], time_limit: 1m}}
"""


def measure() -> Iterator[Figure]:
    """Measure on RabbitMQ, in turn, each into a queue of its own."""
    with TemporaryDirectory() as folder, RabbitServer() as server:
        ours, trusting = _fleet(Path(folder), server.url, "ours"), _fleet(Path(folder), server.url, "trusting")
        apps = {
            TOGETHER: ours,
            TOGETHER_WITHOUT: trusting,
            SINGLY: ours,
            PLAIN: _plain(server.url, "confirmed", {"confirm_publish": True}),
            PLAIN_WITHOUT: _plain(server.url, "unconfirmed", {}),
        }
        ways = {
            name: (_together if name in {TOGETHER, TOGETHER_WITHOUT} else _singly)(app) for name, app in apps.items()
        }
        for send in ways.values():
            send()
        runs: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(RUNS):
            for name in ways if number % 2 else reversed(ways):
                runs[name].append(ways[name]())
                apps[name].control.purge()
        pools.reset()
        for app in apps.values():
            close(app)
    for name, seconds in runs.items():
        yield timed(f"{CALLS} tasks sent, {name}", seconds)
    yield compared("confirms of tasks sent together", runs[TOGETHER], runs[TOGETHER_WITHOUT], CONFIRMS)
    yield compared("confirms one by one", runs[SINGLY], runs[TOGETHER_WITHOUT])
    yield compared("ours one by one over plain", runs[SINGLY], runs[PLAIN])
    yield compared("ours together over plain without confirms", runs[TOGETHER], runs[PLAIN_WITHOUT])


def _fleet(folder: Path, url: str, name: str) -> Celery:
    (folder / "fleet.yaml").write_text(FLEET)
    app = Celery(name, set_as_current=False)
    if name == "trusting":
        app.conf.broker_transport_options = {"confirm_publish": False}
    install(read_fleet_file(folder / "fleet.yaml", {"BROKER_URL": url}), app)
    return app


def _plain(url: str, queue: str, options: dict[str, Any]) -> Celery:
    app = Celery(queue, broker=url, set_as_current=False)
    app.conf.update(broker_transport_options=options, task_default_queue=queue)
    return app


def _singly(app: Celery) -> Callable[[], float]:
    def send() -> float:
        began = perf_counter()
        for number in range(CALLS):
            app.send_task("sum", args=[number, number], ignore_result=True)
        return perf_counter() - began

    return send


def _together(app: Celery) -> Callable[[], float]:
    send = _singly(app)

    def send_together() -> float:
        began = perf_counter()
        with together(app) as bulk:
            send()
        seconds = perf_counter() - began
        if bulk.failed:
            raise next(iter(bulk.failed.values()))
        return seconds

    return send_together
