"""Where Celery's own ways add something to a call: a task's attributes, and the body of a chord."""

import pytest
from celery import Celery

from allotment.engine.installation import install
from allotment.source.fleet_file import read_fleet_file

FLEET = """\
broker: redis://localhost:1/0
results: none
tasks:
  films.own: {queue: general}
profiles:
  all: {queues: [general, legacy], tasks: ["films.*"], time_limit: 1m}
default_queue: general
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Celery:
    tmp_path = tmp_path_factory.mktemp("films")
    (tmp_path / "fleet.yaml").write_text(FLEET)
    app = Celery("films", set_as_current=False)

    @app.task(name="films.own")
    def own() -> None:
        """Sent where its entry says."""

    @app.task(name="films.plain")
    def plain() -> None:
        """Sent where the default is."""

    return install(read_fleet_file(tmp_path / "fleet.yaml", {}), app).app


def test_an_entry_comes_before_the_tasks_own_attribute(app: Celery) -> None:
    task = app.tasks["films.own"]
    type(task).queue = "elsewhere"
    routed = app.amqp.router.route({"queue": "elsewhere"}, "films.own", task_type=task)
    assert routed["queue"].name == "general"
    assert app.amqp.router.route({"queue": "legacy"}, "films.own", task_type=task)["queue"].name == "legacy"


def test_what_celery_hands_over_is_left_as_it_was(app: Celery) -> None:
    """Celery asks for the route of a chord's body with the arguments of the task that waits for it."""
    given = {"chord_size": 2, "zone": None}
    assert app.amqp.router.route(given, "films.plain")["queue"].name == "general"
    assert given == {"chord_size": 2, "zone": None}
