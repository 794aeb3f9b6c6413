"""What a worker with idempotent tasks refuses before it takes anything, and where the keys are kept."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from allotment.engine.idempotency.preparing import prepare
from allotment.engine.idempotency.server import has_server
from allotment.engine.installation import install
from allotment.errors import IdempotencyUnusable
from allotment.source.fleet_file import read_fleet_file

PROFILES = "profiles:\n  work: {queues: [work]}\n"
REDIS = "broker: redis://127.0.0.1:1/0\n"


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[Callable[..., Celery]]:
    """Give a function that makes an app follow a file, and prepares its tasks as a worker does. Connects to nothing."""
    apps: list[Celery] = []

    def make(text: str, **settings: object) -> Celery:
        app = Celery("till", set_as_current=False)
        apps.append(app)
        app.conf.update(settings)

        @app.task(name="charge", bind=True)
        def charge(self, order, amount=1):
            raise NotImplementedError

        @app.task(name="by_id")
        def by_id(id):  # noqa: A002 - what it is about
            raise NotImplementedError

        @app.task(name="nothing")
        def nothing():
            raise NotImplementedError

        path = tmp_path / "fleet.yaml"
        path.write_text(text + PROFILES)
        install(read_fleet_file(path, {}), app)
        app.finalize()
        prepare(app, app.allotment.plan.tasks)
        return app

    yield make
    for app in apps:
        app.close()


@pytest.mark.parametrize(
    ("entry", "pointed", "message", "hint"),
    [
        (
            "  charge: {queue: work, idempotent: {key: ordr}}\n",
            "ordr",
            "the key names the parameter 'ordr', which 'charge' does not have",
            "did you mean 'order'?",
        ),
        (
            "  charge: {queue: work, idempotent: ordr}\n",
            "ordr",
            "the key names the parameter 'ordr', which 'charge' does not have",
            "did you mean 'order'?",
        ),
        (
            "  charge: {queue: work, idempotent: {key: [order, self]}}\n",
            "[order",
            "the key names the parameter 'self', which 'charge' does not have",
            "there is amount, order",
        ),
        (
            "  nothing: {queue: work, idempotent: order}\n",
            "order}",
            "the key names the parameter 'order', which 'nothing' does not have",
            "it takes no arguments",
        ),
        (
            "  by_id: {queue: work, idempotent: id}\n",
            "id}",
            "the key `id` is the task's id, and 'by_id' has a parameter of that name too",
            "write key: [id] for the parameter; for the task's id, give the parameter another name",
        ),
    ],
)
def test_a_key_that_a_task_cannot_have_is_told_with_its_place(
    prepared, entry: str, pointed: str, message: str, hint: str
) -> None:
    with pytest.raises(IdempotencyUnusable) as caught:
        prepared(REDIS + "tasks:\n" + entry)
    assert caught.value.message == message
    assert caught.value.hint == hint
    assert caught.value.where is not None
    assert (caught.value.where.line, caught.value.where.column) == (3, entry.index(pointed) + 1)


TASKS = "tasks:\n  charge: {queue: work, idempotent: order}\n  by_id: {queue: work, idempotent: {key: [id]}}\n"


@pytest.mark.parametrize(
    "addresses",
    [
        "broker: embedded\n",
        "broker: redis://127.0.0.1:1/0\n",
        "broker: valkeys://127.0.0.1:1/0\n",
        "broker: redis+socket:///tmp/none.sock\n",
        "broker: redis://127.0.0.1:1/0\nresults: none\n",
        "broker: redis://127.0.0.1:1/0\nresults: rpc://\n",
        "broker: amqp://127.0.0.1:1//\nresults: valkey://127.0.0.1:1/0\n",
        "broker: amqp://127.0.0.1:1//\nresults: embedded\n",
    ],
)
def test_keys_are_kept_wherever_redis_or_its_like_is(prepared, addresses: str) -> None:
    app = prepared(addresses + TASKS)
    assert has_server(app)


@pytest.mark.parametrize("results", ["", "results: none\n", "results: rpc://\n", "results: file:///tmp/none\n"])
def test_without_a_store_nothing_starts(prepared, results: str) -> None:
    with pytest.raises(IdempotencyUnusable, match="neither results nor messages are at a server") as caught:
        prepared("broker: amqp://127.0.0.1:1//\n" + results + TASKS)
    assert "results: embedded" in (caught.value.hint or "")
    assert caught.value.where is not None


def test_pickled_results_are_not_kept(prepared) -> None:
    with pytest.raises(IdempotencyUnusable, match="pickle") as caught:
        prepared(REDIS + TASKS, result_serializer="pickle", accept_content=["json", "pickle"])
    assert caught.value.hint == "set result_serializer: json"


def test_tasks_without_a_key_are_left_alone(prepared) -> None:
    app = prepared("broker: amqp://127.0.0.1:1//\ntasks:\n  charge: {queue: work}\n")
    assert not hasattr(app.tasks["charge"].run, "__wrapped__")


def test_a_worker_says_so_and_ends_with_the_code_for_bad_input(project, tmp_path: Path) -> None:
    folder = project("till")
    file = folder / "fleet.yaml"
    file.write_text(file.read_text().replace("{key: [day, order]", "{key: [days, order]"))
    done = subprocess.run(
        [sys.executable, "-m", "allotment", "worker", "--profile", "solo", "--fleet", str(file)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        env={**os.environ, "LEDGER": str(tmp_path / "ledger")},
    )
    assert done.returncode == 2
    assert "the key names the parameter 'days', which 'till.agreed' does not have" in done.stderr
    assert "did you mean 'day'?" in done.stderr
    assert "fleet.yaml:13:" in done.stderr
    assert "Traceback" not in done.stderr
