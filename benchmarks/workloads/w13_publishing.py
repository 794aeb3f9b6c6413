"""What sending a task costs that is confirmed by a deadline, beside plain Celery with confirms and without."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from celery import Celery
from kombu import pools

from allotment.engine.client import close
from allotment.engine.installation import install
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RabbitServer
from benchmarks.figures import Figure, compared, timed

CALLS = 2000
RUNS = 7

FLEET = """
broker: ${BROKER_URL}
results: none
tasks: {sum: {}}
profiles: {all: {queues: [fleet], time_limit: 1m}}
"""


def measure() -> Iterator[Figure]:
    """Measure on RabbitMQ, in turn, each into a queue of its own."""
    with TemporaryDirectory() as folder, RabbitServer() as server:
        apps = {
            "ours": _fleet(Path(folder), server.url),
            "plain with confirms": _plain(server.url, "confirmed", {"confirm_publish": True}),
            "plain without": _plain(server.url, "unconfirmed", {}),
        }
        ways = {name: _sending(app) for name, app in apps.items()}
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
    yield compared("ours over plain with confirms", runs["ours"], runs["plain with confirms"])
    yield compared("ours over plain without", runs["ours"], runs["plain without"])


def _fleet(folder: Path, url: str) -> Celery:
    (folder / "fleet.yaml").write_text(FLEET)
    app = Celery("fleet", set_as_current=False)
    install(read_fleet_file(folder / "fleet.yaml", {"BROKER_URL": url}), app)
    return app


def _plain(url: str, queue: str, options: dict[str, Any]) -> Celery:
    app = Celery(queue, broker=url, set_as_current=False)
    app.conf.update(broker_transport_options=options, task_default_queue=queue)
    return app


def _sending(app: Celery) -> Callable[[], float]:
    def send() -> float:
        began = perf_counter()
        for number in range(CALLS):
            app.send_task("sum", args=[number, number], ignore_result=True)
        return perf_counter() - began

    return send
