"""Wrong input ends with code 2, the place where it is wrong, and what to do; never with a traceback."""

import socket
from dataclasses import dataclass
from pathlib import Path

import pytest
from acceptance.conftest import Done, allot

GOOD = """\
app: work.app:app
profiles:
  all: {tasks: ["work.*"], queues: [jobs]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a small project."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "__init__.py").write_text("")
    (tmp_path / "work" / "app.py").write_text(
        'from celery import Celery\napp = Celery("work")\n\n@app.task(name="work.go")\ndef go() -> int:\n    return 1\n'
    )
    (tmp_path / "fleet.yaml").write_text(GOOD)
    return tmp_path


def refused(done: Done, *words: str) -> None:
    """Check the exit code, that each word is said, and that no traceback is shown."""
    assert done.code == 2, done
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err, done.err


def write(folder: Path, text: str) -> None:
    (folder / "fleet.yaml").write_text(text)


@dataclass(frozen=True)
class Wrong:
    """A fleet file that is wrong, and what must be said of it."""

    text: str
    words: tuple[str, ...]


WRONG = {
    "bad YAML": Wrong("app: x.y:z\nprofiles: [\n", ("fleet.yaml:3", "YAML", "help:")),
    "duplicate key": Wrong(GOOD + "app: other.app:app\n", ("fleet.yaml:4", "'app'", "twice", "line 1")),
    "unknown key": Wrong(GOOD.replace("queues", "ques"), ("fleet.yaml:3", "'ques'", "'queues'")),
    "unknown profile": Wrong(GOOD + "nodes:\n  one: {workers: {al: 1}}\n", ("fleet.yaml:5", "'al'", "'all'")),
    "length below zero": Wrong(GOOD + "queues:\n  jobs: {max_length: -1}\n", ("fleet.yaml:5:22", "-1", "at least 1")),
    "memory with a unit that is none": Wrong(
        GOOD.replace("[jobs]}", "[jobs], resources: {memory: 8gb}}"), ("fleet.yaml:3", "'8gb'", "8Gi")
    ),
    "soft limit over hard": Wrong(
        GOOD.replace("[jobs]}", "[jobs], time_limit: 1m, soft_time_limit: 2m}"), ("fleet.yaml:3", "1m", "2m", "shorter")
    ),
    "unknown preset": Wrong(GOOD.replace("{tasks", "{preset: gpu, tasks"), ("fleet.yaml:3", "'gpu'", "'cpu'")),
    "a fanout exchange": Wrong(GOOD + "queues:\n  jobs: {exchange_type: fanout}\n", ("fleet.yaml:5", "direct, topic")),
    "a setting that the fleet decides": Wrong(GOOD + "settings:\n  task_routes: {}\n", ("fleet.yaml:5", "`tasks:`")),
    "a kind there is not": Wrong(GOOD + "route_by_resource: {disk: jobs}\n", ("fleet.yaml:4", "'disk'", "memory")),
    "an included file that is missing": Wrong(GOOD + "include: [more.yaml]\n", ("fleet.yaml:4:11", "more.yaml")),
    "wrong type": Wrong(
        GOOD.replace("[jobs]}", "[jobs], concurrency: many}"), ("fleet.yaml:3", "'many'", "whole number")
    ),
    "unset variable": Wrong(GOOD + "broker: ${SURELY_NOT_SET}\n", ("fleet.yaml:4", "SURELY_NOT_SET", ":-")),
    "unknown broker": Wrong(GOOD + "broker: kafka://secret:hidden@here\n", ("fleet.yaml:4", "kafka", "amqp://")),
}


@pytest.mark.parametrize("command", [("check",), ("up",), ("plan", "--json")], ids=lambda command: command[0])
@pytest.mark.parametrize("case", WRONG, ids=str)
def test_a_wrong_file(folder: Path, case: str, command: tuple[str, ...]) -> None:
    wrong = WRONG[case]
    write(folder, wrong.text)
    done = allot(*command, folder=folder)
    if "--json" in command:
        assert done.code == 2
        [error] = done.document["errors"]
        assert error["line"] == int(wrong.words[0].split(":")[1])
        assert error["hint"]
        return
    refused(done, *wrong.words)
    assert "hidden" not in done.err, "no password is shown"


def test_a_missing_file(folder: Path) -> None:
    refused(allot("check", "-f", "flet.yaml", folder=folder), "flet.yaml", "fleet.yaml")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nowhere.app:app", ("nowhere", "no module")),
        ("work.app:ap", ("work.app:ap", "'app'")),
        ("work.broken:app", ("work.broken", "ZeroDivisionError", "broken.py:1")),
        ("work.lacking:app", ("not_installed_here", "not installed")),
    ],
)
def test_an_app_that_cannot_be_imported(folder: Path, reference: str, words: tuple[str, ...]) -> None:
    (folder / "work" / "broken.py").write_text("1 / 0\n")
    (folder / "work" / "lacking.py").write_text("import not_installed_here\n")
    write(folder, GOOD.replace("work.app:app", reference))
    for command in ("check", "up"):
        refused(allot(command, folder=folder), *words)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_not_there(folder: Path, scheme: str) -> None:
    port = free_port()
    write(folder, GOOD + f"broker: {scheme}://someone:canary@127.0.0.1:{port}/\n")
    for command in (("up",), ("worker", "--profile", "all"), ("run", "work.go")):
        done = allot(*command, folder=folder)
        refused(done, "127.0.0.1", str(port), "help:", "start the broker")
        assert "canary" not in done.err + done.out


def test_a_mount_that_is_missing(folder: Path) -> None:
    (folder / "plain").mkdir()
    for mount, word in (("/surely/not/there", "missing"), (str(folder / "plain"), "not a mount")):
        write(folder, GOOD.replace("[jobs]}", f"[jobs], requires: {{mounts: [{mount}]}}}}"))
        refused(allot("worker", "--profile", "all", folder=folder), mount, word, "consumed nothing")


def test_an_import_and_a_label_that_are_missing(folder: Path) -> None:
    requires = "requires: {imports: [not_installed_here], labels: [gpu]}"
    write(
        folder, GOOD.replace("[jobs]}", f"[jobs], {requires}}}") + "nodes:\n  one: {labels: [gpu], workers: {all: 1}}\n"
    )
    refused(allot("worker", "--profile", "all", folder=folder), "not_installed_here")
    write(
        folder, GOOD.replace("[jobs]}", "[jobs], requires: {labels: [gpu]}}") + "nodes:\n  one: {workers: {all: 1}}\n"
    )
    refused(allot("worker", "--profile", "all", folder=folder), "'gpu'", "nodes.one.labels")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("worker", "--profile", "al"), ("'al'", "'all'")),
        (("up", "--node", "locl"), ("'locl'", "'local'")),
        (("up", "--scale", "al=2"), ("'al'", "'all'")),
        (("up", "--scale", "all"), ("PROFILE=N",)),
        (("up", "--grace", "soon"), ("'soon'", "90s")),
        (("explain", "work.g"), ("'work.g'", "'work.go'")),
        (("run", "work.go |"), ("work.go |", "A | B")),
        (("run", "work.go(x)"), ("literal",)),
        (("trace", "no-such-id"), ("no-such-id",)),
        (("demo", "bsic"), ("'bsic'", "basic")),
        (("chek",), ("'chek'", "'check'")),
        (("check", "--formt", "json"), ("--format",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_arguments(folder: Path, command: tuple[str, ...], words: tuple[str, ...]) -> None:
    write(folder, GOOD + "broker: embedded\n")
    refused(allot(*command, folder=folder), *words)


def test_a_worker_that_cannot_start_says_so_under_the_supervisor_too(folder: Path) -> None:
    write(folder, GOOD.replace("[jobs]}", "[jobs], requires: {mounts: [/surely/not/there]}}"))
    done = allot("up", folder=folder)
    assert done.code == 1
    assert "/surely/not/there is missing" in done.out
    assert "given up" in done.out


@pytest.mark.parametrize(
    "command", [("check",), ("explain", "work.other"), ("run", "work.other")], ids=lambda one: one[0]
)
def test_what_is_not_proved_is_a_finding(folder: Path, command: tuple[str, ...]) -> None:
    (folder / "work" / "app.py").write_text(
        (folder / "work" / "app.py").read_text() + '\n@app.task(name="work.other")\ndef other() -> int:\n    return 2\n'
    )
    write(folder, GOOD.replace('["work.*"]', "[work.go]"))
    done = allot(*command, folder=folder)
    assert done.code == 1
    assert "work.other" in done.err + done.out
    assert "Traceback" not in done.err
