"""Commands that show things, and the way out to plain Celery."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import yaml
from acceptance.conftest import allot, clean_environment
from celery import Celery

from allotment.cli.table import COMMANDS
from allotment.engine.client import keep_results_quiet
from allotment.testing.brokers import RabbitServer, RedisServer

Project = Callable[[str], Path]


def test_help_names_every_command_and_each_has_examples(tmp_path: Path) -> None:
    for arguments in ((), ("--help",), ("-h",)):
        top = allot(*arguments, folder=tmp_path)
        assert top.code == 0
        assert all(name in top.out for name in COMMANDS)
    for name in COMMANDS:
        one = allot(name, "--help", folder=tmp_path)
        assert one.code == 0
        assert f"allot {name}" in one.out or name == "schema"


def test_celery_finds_the_commands_too(project: Project) -> None:
    folder = project("crew")
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "crew.app", "allot", "check", "--json"],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["holds"] is True


def test_json_documents_are_whole(project: Project) -> None:
    folder = project("crew")
    check = allot("check", "--json", folder=folder).document
    plan = allot("plan", "--json", folder=folder).document
    explained = allot("explain", "both.negate", "--json", folder=folder).document
    assert check["holds"] is True
    assert check["tasks"] == len(plan["tasks"])
    assert {worker["name"] for worker in plan["workers"]} == {"left-1@node-1", "third-1@node-1", "right-1@node-2"}
    assert set(explained["takers"]) == {"third-1@node-1", "right-1@node-2"}
    assert explained["routing_key"] == "jobs.work"


def test_the_schema_accepts_what_the_program_accepts(project: Project) -> None:
    folder = project("crew")
    schema = allot("schema", folder=folder).document
    values = yaml.safe_load((folder / "fleet.yaml").read_text())
    jsonschema.validate(values, schema)


def test_run_starts_the_fleet_for_itself_and_trace_reads_the_path(project: Project) -> None:
    folder = project("crew")
    run = allot("run", "left.add(1, 2) | right.double | both.negate", "--times", "3", "--up", "--json", folder=folder)
    assert run.code == 0, run.err
    document = run.document
    assert (document["name"], document["broker"]) == ("fleet", "embedded")
    assert (document["workflows"], document["finished"]) == (3, 3)
    for row in document["tasks"]:
        assert set(row["observed"]) <= set(row["predicted"])
        assert sum(row["observed"].values()) == 3
    trace = allot("trace", document["ids"][0], "--json", folder=folder)
    assert trace.code == 0
    steps = trace.document["steps"]
    assert [step["task"] for step in steps] == ["left.add", "right.double", "both.negate"]
    assert [step["node"] for step in steps][:2] == ["node-1", "node-2"]
    assert all(step["waited"] >= 0 and step["ran"] >= 0 for step in steps)


def test_a_task_that_fails_is_a_finding_with_its_error(project: Project) -> None:
    folder = project("crew")
    done = allot("run", "left.add(1)", "--up", folder=folder)
    assert done.code == 1
    assert "TypeError" in done.out
    assert "0 of 1 workflows finished" in done.out


def test_steps_side_by_side_and_at_the_end(project: Project) -> None:
    folder = project("crew")
    joined = allot("run", "left.add(1, 2) | [right.double, both.negate] | right.total", "--up", "--json", folder=folder)
    assert (joined.code, joined.document["finished"]) == (0, 1), joined
    last = allot("run", "left.add(1, 2) | [right.double, both.negate]", "--times", "3", "--up", "--json", folder=folder)
    assert (last.code, last.document["finished"]) == (0, 3), last
    assert {row["task"] for row in last.document["tasks"]} == {"left.add", "right.double", "both.negate"}


def test_results_that_are_not_kept_are_told_before_anything_is_sent(project: Project, rabbitmq: RabbitServer) -> None:
    folder = project("crew")
    on_rpc = {"BROKER_URL": rabbitmq.url, "RESULT_URL": "rpc://"}
    chain = allot("run", "left.add(1, 2) | right.double", "--up", folder=folder, environment=on_rpc)
    assert chain.code == 0, chain
    assert "allot trace" not in chain.out, "nobody else can read these results"
    for command, environment, word in (
        (("run", "left.add(1, 2) | [right.double, both.negate] | right.total"), on_rpc, "side by side"),
        (("trace", "any"), on_rpc, "rpc://"),
        (("run", "left.add(1, 2)"), {"RESULT_URL": "none"}, "keeps no results"),
        (("run", "[left.add(1, 2), left.add(3, 4)]"), {}, "group alone"),
    ):
        done = allot(*command, folder=folder, environment=environment)
        assert done.code == 2, done
        assert word in done.err
        assert "Traceback" not in done.err


def test_plain_celery_takes_over(project: Project, redis_server: RedisServer) -> None:
    """The settings and the commands that `allot plan` writes run the fleet without Allotment."""
    folder = project("crew")
    urls = {
        "BROKER_URL": redis_server.url.rpartition("/")[0] + "/5",
        "RESULT_URL": redis_server.url.rpartition("/")[0] + "/6",
    }
    settings = allot("plan", "--format", "celeryconfig", folder=folder, environment=urls)
    assert settings.code == 0, settings.err
    (folder / "celeryconfig.py").write_text(settings.out)
    app = folder / "crew" / "app.py"
    app.write_text(app.read_text() + '\napp.config_from_object("celeryconfig")\n')
    commands = [
        shlex.split(line)
        for line in allot("plan", "--format", "commands", folder=folder, environment=urls).out.splitlines()
        if not line.startswith("#")
    ]
    assert len(commands) == 3
    assert all("-Q" in command for command in commands)
    environment = clean_environment() | urls | {"PYTHONPATH": str(folder)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    names: dict[str, object] = {}
    os.environ.update(urls)
    exec(compile(settings.out, "celeryconfig.py", "exec"), names)
    client = Celery("client", set_as_current=False)
    client.config_from_object(
        {key: value for key, value in names.items() if key.startswith(("broker", "result", "task"))}
    )
    keep_results_quiet(client)
    try:
        deadline = time.monotonic() + 40
        while len(client.control.ping(timeout=1, limit=3) or []) < 3:
            assert time.monotonic() < deadline, "the plain workers did not answer"
        chain = client.signature("left.add", (1, 2), app=client) | client.signature("right.double", app=client)
        assert chain.apply_async().get(timeout=30) == 6
    finally:
        for key in urls:
            del os.environ[key]
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(30)
        client.backend.client.connection_pool.disconnect()


def test_the_beat_schedule_is_proved_too(project: Project) -> None:
    folder = project("crew")
    app = folder / "crew" / "app.py"
    sound = app.read_text()
    for entry, word in (
        ('{"task": "left.ad", "schedule": 60}', "did you mean 'left.add'"),
        ('{"task": "left.add", "schedule": 60, "options": {"queue": "extra"}}', "'extra'"),
    ):
        app.write_text(sound + f'app.conf.beat_schedule = {{"nightly": {entry}}}\n')
        done = allot("check", folder=folder)
        assert done.code == 1
        assert "'nightly'" in done.err
        assert word in done.err
    app.write_text(sound + 'app.conf.beat_schedule = {"nightly": {"task": "left.add", "schedule": 60}}\n')
    assert allot("check", folder=folder).code == 0
