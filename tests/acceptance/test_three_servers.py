"""The example of three servers: each runs its part by `allot up --node`, and each kind of work its own pool."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from acceptance.conftest import allot, clean_environment
from celery import Celery

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.local.inventory import read_inventory
from allotment.local.running import RunningFleet
from allotment.model.preset import PRESETS
from allotment.source.fleet_file import FleetFile, read_fleet_file

EXAMPLES = Path(__file__).parents[2] / "examples"
NODES = ("server-1", "server-2", "server-3")
WORKERS = ["cpu-1@server-1", "memory-1@server-2", "io-1@server-3", "general-1@server-3"]

CALLS = [
    # task, arguments, what it gives, the profile that must run it
    ("three_servers.films.encode", [["a" * 1000]], 17, "cpu"),
    ("three_servers.films.train_ranking", [[[1, 2], [2, 4]], 500], 2.0, "cpu"),
    ("three_servers.mail.send_receipts", [["a@example.org"], 0.05], 1, "io"),
    ("three_servers.mail.fetch_rates", [["EUR"], 0.05], {"EUR": 1.0}, "io"),
    ("three_servers.sales.aggregate_sales", [[["mug", 2], ["mug", 3]]], {"mug": 5}, "memory"),
    ("three_servers.sales.import_history", [["mug,4", "cup,1"]], {"mug": 4, "cup": 1}, "memory"),
    ("three_servers.chores.rename_shelf", [" tea cups "], "Tea Cups", "general"),
]


@dataclass(frozen=True)
class Servers:
    """The three servers, running, and an app that sends to them."""

    app: Celery
    file: FleetFile

    def worker_of(self, result: Any) -> str:
        """Give the worker that ran a task."""
        return str(self.app.backend.get_task_meta(result.id)["allotment"]["worker"])


def environment_of(broker: str, request: pytest.FixtureRequest) -> dict[str, str]:
    if broker == "embedded":
        return {}
    if broker == "redis":
        server = request.getfixturevalue("redis_server")
        return {"BROKER_URL": server.url, "RESULT_URL": server.url.rpartition("/")[0] + "/1"}
    return {"BROKER_URL": request.getfixturevalue("rabbitmq").url}


@pytest.fixture(scope="module", params=["embedded", "redis", "rabbitmq"])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(EXAMPLES / "three-servers.yaml", folder)
    shutil.copytree(EXAMPLES / "three_servers", folder / "three_servers", ignore=shutil.ignore_patterns("__pycache__"))
    environment = environment_of(request.param, request)
    path = folder / "three-servers.yaml"
    file = read_fleet_file(path, environment)
    app = Celery("client", set_as_current=False)
    install(file, app, read_inventory(str(file.model.app), folder).tasks)
    keep_results_quiet(app)
    with contextlib.ExitStack() as running:
        for node in NODES:
            running.enter_context(RunningFleet(path, "--node", node, environment=environment))
        yield Servers(app, file)
        close(app)


@pytest.mark.timeout(180)
def test_each_kind_of_task_runs_in_its_own_pool(servers: Servers) -> None:
    sent = [
        (servers.app.send_task(task, args=arguments), value, profile) for task, arguments, value, profile in CALLS * 3
    ]
    for result, value, profile in sent:
        assert result.get(timeout=60) == value
        assert servers.worker_of(result).partition("@")[0] == f"{profile}-1"


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("kind", "profile"), [("cpu", "cpu"), ("io", "io"), ("memory", "memory"), (None, "general")])
def test_a_hint_in_the_call_leads_to_the_pool_of_its_kind(servers: Servers, kind: str | None, profile: str) -> None:
    options = {"resource_type": kind} if kind else {}
    result = servers.app.send_task("three_servers.chores.handle", args=[7], **options)
    assert result.get(timeout=60) == "order 7 handled"
    assert servers.worker_of(result).partition("@")[0] == f"{profile}-1"


@pytest.mark.timeout(180)
def test_the_workers_own_figures_are_those_of_the_file(servers: Servers) -> None:
    inspect = servers.app.control.inspect(WORKERS, timeout=5.0)
    stats: Mapping[str, Mapping[str, Any]] = inspect.stats()
    assert set(stats) == set(WORKERS)
    for worker, figures in stats.items():
        profile = servers.file.model.profiles[worker.partition("-")[0]]
        preset = PRESETS[profile.name]
        pool = figures["pool"]
        assert pool["max-concurrency"] == profile.concurrency
        assert figures["prefetch_count"] == profile.concurrency * preset.prefetch
        if profile.name == "io":
            assert "processes" not in pool or len(pool["processes"]) <= 1
        else:
            assert pool["implementation"].startswith("celery.concurrency.prefork")
            assert len(pool["processes"]) == profile.concurrency
            assert pool["max-tasks-per-child"] == preset.max_tasks_per_child
            assert pool["timeouts"] == [preset.soft_time_limit, preset.time_limit]
    for worker, consumed in inspect.active_queues().items():
        profile = servers.file.model.profiles[worker.partition("-")[0]]
        assert {queue["name"] for queue in consumed} == set(profile.queues)


def test_a_server_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "three-servers.yaml", tmp_path)
    shutil.copytree(EXAMPLES / "three_servers", tmp_path / "three_servers")
    done = allot("up", "-f", "three-servers.yaml", "--node", "server-4", folder=tmp_path)
    assert done.code == 2
    assert "server-" in done.err


@pytest.mark.parametrize("example", ["three-servers.yaml", "scaling.yaml", "shop/fleet.yaml"])
def test_the_examples_are_clean(example: str) -> None:
    path = EXAMPLES / example
    done = allot("check", "-f", path.name, folder=path.parent, environment=clean_environment())
    assert (done.code, done.err) == (0, "")
