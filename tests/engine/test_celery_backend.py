"""The Celery backend in a program: tasks are registered, looked at, and sent by their plan; workers are planned."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from allotment import CeleryBackend, RegisteredTask, SelectionInvalid, TaskBackendWorker, UnknownName, task_filter
from allotment.errors import BrokerUnreachable, RequirementsUnmet


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CeleryBackend]:
    """Give a backend with three tasks, led nowhere; no file is in its folder."""
    for name in ("BROKER_URL", "RESULT_URL", "RABBITMQ_HOST", "ALLOTMENT_FLEET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    app = Celery("shop", broker="memory://", set_as_current=False)
    made = CeleryBackend(app)

    @made.register_task(name="shop.extract", queue="files")
    def extract(number: int) -> int:
        return number + 1

    @made.register_task(name="shop.load", queue="files")
    def load(number: int) -> int:
        return number

    @made.register_task
    def mail(number: int) -> int:
        return number

    yield made
    app.close()


def lane(backend: CeleryBackend, task: str) -> str:
    """Give the broker queue that a message of the task would go to."""
    return str(backend.celery.amqp.router.route({}, task)["queue"].name)


def test_registered_tasks_can_be_looked_at_and_not_changed(backend: CeleryBackend) -> None:
    mail = f"{__name__}.mail"
    assert dict(backend.tasks) == {
        "shop.extract": RegisteredTask("shop.extract", "files", __name__),
        "shop.load": RegisteredTask("shop.load", "files", __name__),
        mail: RegisteredTask(mail, mail, __name__),
    }
    with pytest.raises(TypeError):
        backend.tasks["shop.other"] = backend.tasks["shop.load"]  # type: ignore[index]


def test_a_registered_task_is_still_its_function(backend: CeleryBackend) -> None:
    assert backend.celery.tasks["shop.extract"](1) == 2


def test_a_program_sends_by_the_plan_also_what_is_registered_later(backend: CeleryBackend) -> None:
    assert lane(backend, "shop.extract") == "files:shop.extract"

    @backend.register_task(name="shop.late", queue="late")
    def late() -> None: ...

    assert lane(backend, "shop.late") == "late:shop.late"
    assert backend.tasks["shop.late"].queue == "late"


def test_a_queue_that_cannot_be_named_so_is_refused_where_it_is_written(backend: CeleryBackend) -> None:
    with pytest.raises(ValueError, match="a:b"):
        backend.register_task(queue="a:b")


def test_an_app_s_routes_decide_where_nothing_was_registered() -> None:
    app = Celery("routed", broker="memory://", set_as_current=False)
    app.conf.task_routes = {"routed.*": {"queue": "routed"}}
    backend = CeleryBackend(app)
    backend.register_task(name="routed.one")(nothing)
    backend.register_task(name="routed.two", queue="own")(nothing)
    assert {name: task.queue for name, task in backend.tasks.items()} == {"routed.one": "routed", "routed.two": "own"}
    app.close()


LISTED = """\
from celery import Celery
from allotment import CeleryBackend

app = Celery("far", broker="memory://", include=["near_tasks", "broken_tasks"], set_as_current=False)
app.conf.task_routes = {"far.routed": {"queue": "routed"}}
CeleryBackend(app)
"""


def test_a_task_sent_by_name_is_looked_for_in_the_modules_that_the_app_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far_app.py").write_text(LISTED)
    (tmp_path / "near_tasks.py").write_text(
        "from far_app import app\n@app.task(name='far.routed')\ndef routed(): ...\n"
        "@app.task(name='far.own')\ndef own(): ...\n"
    )
    (tmp_path / "broken_tasks.py").write_text(
        "import no_such_library\nfrom far_app import app\n@app.task\ndef heavy(): ...\n"
    )
    code = (
        "import far_app, sys\n"
        "from allotment.errors import TaskUnknown\n"
        "router = far_app.app.amqp.router\n"
        "print(*(router.route({}, name)['queue'].name for name in sys.argv[1:]))\n"
        "try: router.route({}, 'far.onw')\n"
        "except TaskUnknown as error: print(error)\n"
    )
    names = ("far.own", "far.routed", "broken_tasks.heavy")
    done = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lanes, unknown = done.stdout.splitlines()
    assert lanes == "far.own routed:far.routed broken_tasks.heavy"
    assert "did you mean 'far.own'?" in unknown
    assert "`include`" in unknown


def test_a_backend_that_follows_a_file_sends_by_its_plan(backend: CeleryBackend, tmp_path: Path) -> None:
    (tmp_path / "worker-profiles.yaml").write_text(
        "broker: redis://nowhere/0\n"
        "profiles:\n"
        "  one: {tasks: [shop.a], queues: [work], time_limit: 60}\n"
        "  two: {tasks: [shop.b], queues: [work], time_limit: 60}\n"
    )
    app = Celery("shop", set_as_current=False)
    led = CeleryBackend(app, fleet="worker-profiles.yaml")
    led.register_task(name="shop.a")(nothing)
    assert lane(led, "shop.a") == "work:one"
    assert list(led.tasks) == ["shop.a"], "shop.b is in the file, and not registered here"
    with pytest.raises(UnknownName, match=r"worker-profiles.yaml has no queue 'wrok' .*'work'"):
        led.register_task(name="shop.b", queue="wrok")
    app.close()


def test_a_worker_is_planned_when_it_is_made(backend: CeleryBackend) -> None:
    worker = TaskBackendWorker("celery", app=backend, tasks=["extract"], concurrency=3, name="one@here")
    assert TaskBackendWorker(app=backend, tasks="extract").plan().consumes == worker.plan().consumes
    plan = worker.plan()
    assert (plan.name, plan.concurrency, plan.consumes) == ("one@here", 3, ("files", "files:shop.extract"))
    assert [task.name for task in plan.registers] == ["shop.extract"]
    assert worker.backend is backend
    for options, error in (
        ({"tasks": ["extrct"]}, UnknownName),
        ({"backend_type": "kafka", "app": None}, UnknownName),
        ({"backend_type": "kafka"}, SelectionInvalid),
        ({"tasks": ["extract"], "exclude_tasks": ["extract"]}, SelectionInvalid),
        ({"profile": "gpu"}, UnknownName),
        ({"file": "fleet.yaml"}, SelectionInvalid),
        ({"concurrency": 0}, SelectionInvalid),
        ({"concurrency": -3}, SelectionInvalid),
        ({"log_level": "nope"}, SelectionInvalid),
        ({"app": None}, UnknownName),
    ):
        with pytest.raises(error):
            TaskBackendWorker(**{"app": backend, **options})


def test_a_plain_app_is_taken_too_and_stays_as_it_is() -> None:
    app = Celery("plain", broker="memory://", set_as_current=False)
    app.task(name="plain.one", shared=False)(nothing)
    plan = TaskBackendWorker(app=app).plan()
    assert [task.name for task in plan.registers] == ["plain.one"]
    assert "CeleryBackend(app)" in plan.notes[0]
    assert not hasattr(app, "allotment")
    app.close()


def test_a_filter_restricts_every_worker_of_a_class(backend: CeleryBackend) -> None:
    @task_filter(["shop.*"])
    class ShopWorker(TaskBackendWorker):
        """A worker of the shop's tasks."""

    @task_filter(["load"])
    class LoadWorker(ShopWorker):
        """A worker of one of them."""

    def chosen(worker: TaskBackendWorker) -> list[str]:
        return [task.name for task in worker.plan().registers]

    assert chosen(ShopWorker(app=backend)) == ["shop.extract", "shop.load"]
    assert chosen(ShopWorker(app=backend, exclude_tasks=["load"])) == ["shop.extract"]
    assert chosen(LoadWorker(app=backend)) == ["shop.load"]
    assert len(chosen(TaskBackendWorker(app=backend))) == 3
    with pytest.raises(SelectionInvalid):
        LoadWorker(app=backend, tasks=["extract"])


def test_a_filter_restricts_what_a_function_makes(backend: CeleryBackend) -> None:
    @task_filter(["extract"])
    def make(concurrency: int) -> TaskBackendWorker:
        """Make it."""
        return TaskBackendWorker(app=backend, concurrency=concurrency)

    plan = make(2).plan()
    assert ([task.name for task in plan.registers], plan.concurrency) == (["shop.extract"], 2)
    assert make.__doc__ == "Make it."

    @task_filter(["extrct"])
    def wrong() -> TaskBackendWorker:
        return TaskBackendWorker(app=backend)

    with pytest.raises(UnknownName, match="extrct"):
        wrong()


def test_a_worker_is_led_where_programs_are_that_import_the_app(
    backend: CeleryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://user:s3cr3t@127.0.0.1:1/0")
    CeleryBackend(backend.celery)
    monkeypatch.setenv("BROKER_URL", "redis://user:s3cr3t@127.0.0.1:2/0")
    with pytest.raises(BrokerUnreachable) as caught:
        TaskBackendWorker(app=backend).run()
    assert "redis://127.0.0.1:1/0" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_what_the_tasks_require_is_checked_before_anything_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs.py").write_text(
        "from celery import Celery\napp = Celery('jobs', broker='memory://')\n@app.task\ndef cut(): ...\n"
    )
    (tmp_path / "fleet.yaml").write_text(
        "app: jobs:app\nbroker: redis://nowhere/0\n"
        "tasks: {jobs.cut: {queue: cuts, requires: {imports: [no_such_library]}}}\n"
        "profiles: {all: {queues: [cuts], time_limit: 1m, requires: {imports: [no_such_library]}}}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BROKER_URL", raising=False)
    with pytest.raises(RequirementsUnmet, match="no_such_library"):
        TaskBackendWorker(tasks=["cut"]).run()


def test_importing_the_backend_imports_no_celery() -> None:
    """A worker on gevent has to set that up before Celery is imported."""
    code = "import sys, allotment.engine.backend, allotment.backends.worker; print('celery.app' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
