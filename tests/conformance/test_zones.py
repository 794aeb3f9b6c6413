"""On running workers of two zones: what stays runs where it was sent from, each time; the rest runs in both."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain
from kombu import Connection, Queue

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import ZONE_VARIABLE, install
from allotment.errors import NobodyCanRun, ZoneUnknown
from allotment.local.part import part_of
from allotment.local.running import RunningFleet
from allotment.plan.plan import Plan
from allotment.source.fleet_file import FleetFile, read_fleet_file

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "zoned"
EU, US = "@north", "@south"


@dataclass(frozen=True)
class Zoned:
    """The running fleet of the project zoned, and a producer that stands in no zone."""

    file: FleetFile
    app: Celery
    environment: dict[str, str]

    @property
    def plan(self) -> Plan:
        found: Plan = self.app.allotment.plan
        return found

    def task(self, name: str, *arguments: Any, **options: Any) -> Any:
        return self.app.signature(name, args=arguments, app=self.app).set(**options)

    def waiting(self) -> dict[str, int]:
        """Count what waits in each lane."""
        found = {}
        with Connection(self.app.conf.broker_url) as connection:
            for lane in self.plan.lanes:
                try:
                    found[lane] = connection.default_channel.queue_declare(lane, passive=True).message_count
                except connection.channel_errors:
                    found[lane] = 0
        return found


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def zoned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoned]:
    folder = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp(request.param) / "zoned"))
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url.rpartition("/")[0]
        environment = {"BROKER_URL": f"{url}/8", "RESULT_URL": f"{url}/9"}
    else:
        environment = {"BROKER_URL": request.getfixturevalue("rabbitmq").url, "RESULT_URL": "embedded"}
    file = read_fleet_file(folder / "fleet.yaml", environment)
    # workers stand where their nodes do, whatever the machine's environment says to programs that are none
    with RunningFleet(file.path, environment={**environment, ZONE_VARIABLE: "eu-1"}):
        app = producer(file)
        yield Zoned(file, app, environment)
        close(app)


def producer(file: FleetFile) -> Celery:
    app = Celery("client", set_as_current=False)
    install(file, app)
    keep_results_quiet(app)
    return app


def zone_of(worker: str) -> str:
    return "@" + worker.partition("@")[2]


def gathered(results: list[Any]) -> list[list[str]]:
    return [result.get(timeout=30) for result in results]


def test_a_chain_stays_in_the_zone_where_its_task_was_sent(zoned: Zoned) -> None:
    note = zoned.task
    steps = [note("anywhere.note", []), note("here.note"), note("here.note"), note("anywhere.note")]
    ways = gathered([chain(*steps, app=zoned.app).apply_async() for _ in range(100)])
    zones = [[zone_of(worker) for worker in workers] for workers in ways]
    assert [way[1:3] for way in zones] == [[way[0]] * 2 for way in zones], "100 of 100 stay"
    assert {way[0] for way in zones} == {way[3] for way in zones} == {EU, US}, "what need not stay does not"


def test_what_a_task_sends_itself_stays_in_its_zone(zoned: Zoned) -> None:
    senders = gathered([zoned.task("anywhere.send", 5).apply_async() for _ in range(20)])
    ways = gathered([zoned.app.AsyncResult(identity) for _, *identities in senders for identity in identities])
    assert len(ways) == 100
    assert all(zone_of(sender) == zone_of(worker) for sender, worker in ways)
    assert {zone_of(sender) for sender, _ in ways} == {EU, US}


def test_a_retry_stays_in_its_zone(zoned: Zoned) -> None:
    ways = gathered([zoned.task("here.again", []).apply_async(zone=zone) for zone in ("eu-1", "us-1") * 20])
    assert [[zone_of(worker) for worker in workers] for workers in ways] == [[EU] * 3, [US] * 3] * 20


def test_a_call_may_name_the_zone(zoned: Zoned) -> None:
    for zone, where in (("eu-1", EU), ("us-1", US)):
        sent = [zoned.task("here.note", []).apply_async(zone=zone) for _ in range(25)]
        sent += [zoned.task("here.note", [], zone=zone).apply_async() for _ in range(25)]
        assert Counter(zone_of(worker) for [worker] in gathered(sent)) == {where: 50}
    [worker] = zoned.task("rare.note", []).apply_async(zone="eu-1").get(timeout=20)
    assert worker == "rare-1@north"


def test_a_producer_outside_stands_where_its_environment_says(zoned: Zoned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ZONE_VARIABLE, "us-1")
    app = producer(zoned.file)
    note = app.signature("here.note", args=([],), app=app)
    assert Counter(zone_of(worker) for [worker] in gathered([note.apply_async() for _ in range(50)])) == {US: 50}
    assert [zone_of(worker) for [worker] in gathered([note.apply_async(zone="eu-1") for _ in range(10)])] == [EU] * 10
    everywhere = [app.signature("anywhere.note", args=([],), app=app).apply_async() for _ in range(50)]
    assert {zone_of(worker) for [worker] in gathered(everywhere)} == {EU, US}
    with pytest.raises(NobodyCanRun):
        app.send_task("rare.note", [[]])
    close(app)


def test_from_nowhere_known_it_runs_in_both(zoned: Zoned) -> None:
    ways = gathered([zoned.task("here.note", []).apply_async() for _ in range(200)])
    assert {zone_of(worker) for [worker] in ways} == {EU, US}


def test_what_no_zone_can_run_is_refused_before_anything_is_sent(zoned: Zoned) -> None:
    before = zoned.waiting()
    with pytest.raises(ZoneUnknown, match="did you mean 'us-1'"):
        zoned.task("here.note", []).apply_async(zone="us-2")
    with pytest.raises(NobodyCanRun, match="it can be run in eu-1"):
        zoned.task("rare.note", []).apply_async(zone="us-1")
    with pytest.raises(NobodyCanRun):
        chain(zoned.task("here.note", []), zoned.task("rare.note", zone="us-1"), app=zoned.app).apply_async()
    assert zoned.waiting() == before


def test_what_was_sent_from_nowhere_known_is_passed_on_to_another_zone(zoned: Zoned) -> None:
    """A worker that cannot run it looks where it came from, not where it stands itself."""
    plain = Celery(
        "plain", broker=zoned.app.conf.broker_url, backend=zoned.app.conf.result_backend, set_as_current=False
    )
    keep_results_quiet(plain)
    for known in zoned.app.allotment.compiled.queues.values():
        plain.amqp.queues.add(Queue(known.name, known.exchange, known.routing_key))
    ways = gathered([plain.send_task("rare.note", [[]], queue="errands") for _ in range(40)])
    assert Counter(worker for [worker] in ways) == {"rare-1@north": 40}
    ways = gathered([plain.send_task("rare.note", [[]], queue="errands@eu-1") for _ in range(40)])
    assert Counter(worker for [worker] in ways) == {"rare-1@north": 40}
    close(plain)


def consumed(app: Celery, worker: str) -> set[str]:
    """Ask a worker which queues it consumes."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = app.control.inspect(destination=[worker], timeout=1).active_queues()
        if answer:
            return {queue["name"] for queue in answer[worker]}
    raise AssertionError(f"{worker} does not answer")


def test_workers_consume_the_lanes_of_their_own_zone(zoned: Zoned) -> None:
    for worker in zoned.plan.workers:
        assert consumed(zoned.app, worker.name) == set(worker.consumes), worker.name
    assert "errands:all@us-1" in consumed(zoned.app, "all-1@south")


@pytest.mark.parametrize(("profile", "index"), [("all", 2), ("rare", 1)])
def test_a_worker_that_is_added_consumes_the_lanes_of_its_own_zone(zoned: Zoned, profile: str, index: int) -> None:
    command = [sys.executable, "-m", "allotment", "worker", "--fleet", str(zoned.file.path), "--profile", profile]
    process = subprocess.Popen(
        [*command, "--node", "south", "--index", str(index)],
        env={**os.environ, **zoned.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = consumed(zoned.app, f"{profile}-{index}@south")
    finally:
        process.terminate()
        process.wait(20)
    assert found == set(zoned.plan.served(profile, "us-1"))
    assert not {lane for lane in found if lane.endswith("@eu-1")}


def test_a_scaled_part_has_the_lanes_of_each_worker_s_zone(zoned: Zoned) -> None:
    for scale in ({}, {"all": 2}):
        part = part_of(zoned.file, None, scale)
        assert len(part.workers) == 3 + 2 * bool(scale)
        for worker in part.workers:
            zone = "eu-1" if worker.node == "north" else "us-1"
            assert {lane.partition("@")[2] for lane in worker.consumes} <= {"", zone}
            assert any(lane.endswith(f"@{zone}") for lane in worker.consumes)
