"""What `Fleet.load(…).install(app)` does to an app, without any broker: routes, refusals, settings, late tasks."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from celery import Celery, chain, shared_task

from allotment import Fleet, NobodyCanRun, QueueUnknown, TaskUnknown
from allotment.errors import SettingsOverridden

FLEET = """\
broker: memory-is-not-used
profiles:
  left: {tasks: ["left.*"], queues: [shared]}
  right: {tasks: ["right.*"], queues: [shared, own]}
tasks:
  right.special: {queue: own}
  "*": {queue: shared}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a fleet file of an app that names its own broker."""
    file = tmp_path / "fleet.yaml"
    file.write_text("app: here:app\n" + FLEET.replace("broker: memory-is-not-used\n", ""))
    return file


@pytest.fixture
def app() -> Iterator[Celery]:
    """Give an app with a broker in memory, which nothing is sent to."""
    made = Celery("here", broker="memory://", backend="cache+memory://", set_as_current=False)
    yield made
    made.close()


def nothing() -> None:
    """Stand for a task's code."""


def nothing_of_number(number: int) -> Callable[[], None]:
    """Give a function of its own name, as Celery tells tasks apart by their functions."""

    def task() -> None: ...

    task.__name__ = task.__qualname__ = f"task_{number}"
    return task


def lane_of(app: Celery, name: str, **options: object) -> str:
    return str(app.amqp.router.route(dict(options), name)["queue"].name)


def test_tasks_registered_before_and_after_are_routed_alike(app: Celery, path: Path) -> None:
    @app.task(name="left.before")
    def before() -> None: ...

    Fleet.load(path).install(app)

    @app.task(name="left.after")
    def after() -> None: ...

    @app.task(name="right.after")
    def other() -> None: ...

    assert lane_of(app, "left.before") == lane_of(app, "left.after") == "shared:left"
    assert lane_of(app, "right.after") == "shared:right"

    @app.task(name="right.much_later")
    def much_later() -> None: ...

    assert lane_of(app, "right.much_later") == "shared:right", "a task registered after the first message is found too"


def test_the_app_s_settings_may_come_after_the_installation(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(path.read_text() + "broker: redis://fleet.example:6379/3\n")
    app = Celery("here", broker="memory://", set_as_current=False)
    Fleet.load(path).install(app)
    app.config_from_object({"task_acks_late": True, "broker_url": "memory://", "task_create_missing_queues": True})
    assert app.conf.task_acks_late is True, "what the fleet does not decide stays the app's"
    assert app.conf.broker_url == "redis://fleet.example:6379/3"
    assert app.conf.task_create_missing_queues is False
    app.close()


def test_nothing_is_imported_or_connected_to_when_it_is_installed(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("app: nowhere:app\nbroker: embedded\nprofiles:\n  all: {queues: [q]}\n")
    code = (
        "from celery import Celery\nfrom allotment import Fleet\n"
        "app = Celery('x', include=['does.not.exist'])\nassert Fleet.load('fleet.yaml').install(app) is app\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert not (tmp_path / ".allotment").exists(), "no broker was started, and no state folder made"


def test_importing_the_package_imports_no_celery() -> None:
    code = "import sys, allotment; assert 'celery' not in sys.modules; allotment.Fleet; assert 'celery' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_producer_that_has_no_tasks_sends_what_the_file_names(app: Celery, path: Path) -> None:
    Fleet.load(path).install(app)
    assert lane_of(app, "right.special") == "own"
    with pytest.raises(NobodyCanRun, match="own"):
        lane_of(app, "left.anything", queue="own")


def test_refusals_name_the_task_the_queue_and_the_way_out(app: Celery, path: Path) -> None:
    app.task(name="left.go")(nothing)
    app.task(name="right.go")(nothing)
    Fleet.load(path).install(app)
    with pytest.raises(NobodyCanRun) as nobody:
        app.send_task("left.go", queue="own")
    assert (nobody.value.task, nobody.value.queue) == ("left.go", "own")
    assert "shared" in str(nobody.value)
    with pytest.raises(QueueUnknown, match="did you mean 'shared'"):
        app.send_task("left.go", queue="sharde")
    with pytest.raises(QueueUnknown):
        app.send_task("left.go", exchange="elsewhere", routing_key="key")


def test_a_task_that_nothing_names_is_refused(app: Celery, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("app: here:app\nprofiles:\n  all: {queues: [jobs]}\n")
    app.task(name="report.daily")(nothing)
    Fleet.load(file).install(app)
    with pytest.raises(TaskUnknown, match=r"did you mean 'report\.daily'"):
        app.send_task("report.dialy")


def test_a_canvas_is_looked_through_before_its_first_task_is_sent(app: Celery, path: Path) -> None:
    app.task(name="left.go")(nothing)
    Fleet.load(path).install(app)
    go = app.signature("left.go", app=app)
    with pytest.raises(NobodyCanRun):
        chain(go, go, go.set(queue="own").clone(), app=app).apply_async()
    assert not app.allotment.embedded.state.path.exists()


def test_shared_tasks_belong_to_the_app_too(app: Celery, path: Path) -> None:
    @shared_task(name="left.shared")
    def shared() -> None: ...

    Fleet.load(path).install(app)
    assert lane_of(app, "left.shared") == "shared:left"


def test_the_app_s_own_routes_count_where_the_file_says_nothing(app: Celery, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("app: here:app\ndefault_queue: one\nprofiles:\n  all: {queues: [one, two]}\n")
    app.task(name="a.first")(nothing)
    app.task(name="b.second")(nothing)
    app.conf.task_routes = {"b.*": {"queue": "two"}}
    Fleet.load(file).install(app)
    assert lane_of(app, "a.first") == "one"
    assert lane_of(app, "b.second") == "two"


def test_a_second_installation_takes_the_place_of_the_first(app: Celery, path: Path, tmp_path: Path) -> None:
    app.task(name="left.go")(nothing)
    Fleet.load(path).install(app)
    assert lane_of(app, "left.go") == "shared:left"
    other = tmp_path / "other.yaml"
    other.write_text("app: here:app\nbroker: redis://second.example/\nprofiles:\n  all: {queues: [single]}\n")
    Fleet.load(other).install(app)
    assert lane_of(app, "left.go") == "single"
    assert app.conf.broker_url == "redis://second.example/"


def test_of_two_installations_before_the_app_is_configured_the_second_counts(path: Path, tmp_path: Path) -> None:
    app = Celery("here", broker="memory://", set_as_current=False)
    Fleet.load(path).install(app)
    other = tmp_path / "other.yaml"
    other.write_text("app: here:app\nbroker: redis://second.example/\nprofiles:\n  all: {queues: [single]}\n")
    Fleet.load(other).install(app)
    assert app.conf.broker_url == "redis://second.example/"
    app.close()


def test_threads_that_publish_at_once_agree(app: Celery, path: Path) -> None:
    """The plan is made again while others route: each message must find its lane's queue all the same."""
    Fleet.load(path).install(app)
    for number in range(40):
        app.task(name=f"left.t{number}")(nothing_of_number(number))

    def route(number: int) -> str:
        app.task(name=f"right.late{number}")(nothing_of_number(number))
        return lane_of(app, f"left.t{number}") + " " + lane_of(app, f"right.late{number}")

    app.finalize()  # Celery's own first look at the tasks bears no registering beside it (celery/app/base.py)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(route, range(40))) == {"shared:left shared:right"}


def test_a_publish_on_a_memory_broker_arrives_in_the_lane(app: Celery, path: Path) -> None:
    app.task(name="left.go")(nothing)
    app.task(name="right.go")(nothing)
    Fleet.load(path).install(app)
    app.signature("left.go", app=app).apply_async(ignore_result=True)
    with app.connection_for_read() as connection:
        message = connection.default_channel.basic_get("shared:left", no_ack=True)
    assert message is not None
    assert message.headers["task"] == "left.go"
    assert message.headers["allotment"]["queue"] == "shared"


def test_an_app_that_has_already_connected_goes_where_the_fleet_is(path: Path) -> None:
    path.write_text(path.read_text() + "broker: redis://fleet.example/0\nresults: redis://fleet.example/1\n")
    app = Celery("here", broker="memory://", backend="redis://elsewhere.example/1", set_as_current=False)
    assert "elsewhere" in app.backend.as_uri()
    Fleet.load(path).install(app)
    assert "fleet.example" in app.backend.as_uri()
    assert app.connection_for_write().hostname == "fleet.example"


@pytest.mark.parametrize("variable", ["CELERY_RESULT_BACKEND", "CELERY_BROKER_WRITE_URL", "CELERY_BROKER_READ_URL"])
def test_an_environment_that_leads_elsewhere_is_told(
    path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(path.read_text() + "broker: redis://fleet.example/0\nresults: redis://fleet.example/1\n")
    monkeypatch.setenv(variable, "redis://other.example/9")
    app = Celery("here", set_as_current=False)
    Fleet.load(path).install(app)
    with pytest.raises(SettingsOverridden, match=variable):
        app.send_task("left.go")


def test_celerys_variable_for_the_usual_broker_changes_nothing_where_the_file_names_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(path.read_text() + "broker: redis://fleet.example/0\nresults: redis://fleet.example/1\n")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://other.example/9")
    app = Celery("here", set_as_current=False)
    Fleet.load(path).install(app)
    assert app.connection_for_read().hostname == "fleet.example"
    assert app.connection_for_write().hostname == "fleet.example"


def test_a_task_that_only_the_producer_has_moves_no_other(app: Celery, path: Path) -> None:
    """Workers do not know it, and consume what they consumed before."""
    app.task(name="left.go")(nothing)
    Fleet.load(path).install(app)
    before = lane_of(app, "left.go"), lane_of(app, "right.special")
    app.task(name="producer.only")(nothing_of_number(1))
    with pytest.raises(NobodyCanRun):
        app.send_task("producer.only")
    assert (lane_of(app, "left.go"), lane_of(app, "right.special")) == before
