"""`allot doctor` as it is typed: where its addresses come from, what it prints, and that no password is ever in it."""

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance.conftest import Done, allot

from allotment.cli.main import main
from allotment.local.embedded import EmbeddedBroker
from allotment.local.state import StateFolder
from allotment.testing.brokers import RabbitServer, RedisServer, free_ports
from allotment.testing.fixtures import require

CANARY = "s3cr3t-canary"
WAIT = 15.0

FLEET = "app: work:app\nprofiles: {all: {queues: [jobs], tasks: [work.go]}}\n"
APP = 'from celery import Celery\napp = Celery("work", broker={broker!r}, backend={results!r})\n'
VARIABLES = (
    *("BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND", "ALLOTMENT_FLEET"),
    *("RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_USER", "RABBITMQ_PASSWORD", "RABBITMQ_VHOST"),
)


@pytest.fixture
def doctor(tmp_path: Path) -> Callable[..., Done]:
    """Give a function that runs `allot doctor` in a folder, with no broker in the environment but what is given."""
    unset = dict.fromkeys(VARIABLES, "")

    def run(*arguments: str, **environment: str) -> Done:
        done = allot("doctor", *arguments, folder=tmp_path, environment=unset | environment)
        assert CANARY not in done.out + done.err
        assert "Traceback" not in done.err
        return done

    return run


def write(folder: Path, text: str, broker: str | None = None, results: str | None = None) -> None:
    (folder / "fleet.yaml").write_text(text)
    (folder / "work.py").write_text(APP.format(broker=broker, results=results))


def found(done: Done, group: str) -> dict[str, str]:
    """Give the status of each check of a group, by name."""
    return {check["name"]: check["status"] for check in done.document["checks"] if check["group"] == group}


def closed_port() -> int:
    return free_ports(1)[0]


# where the addresses come from


def test_a_fleet_file_says_where_to_look(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    write(tmp_path, FLEET + f"broker: {redis_server.url}\n")
    done = doctor("--json")
    assert done.code == 0, done
    assert done.document["fine"] is True
    assert done.document["file"].endswith("fleet.yaml")
    assert found(done, "broker")["round trip"] == "ok"
    assert found(done, "results")["round trip"] == "ok"
    assert found(done, "here").keys() >= {"place", "Python", "celery", "kombu", "redis", "allotment"}


def test_the_app_decides_where_the_file_does_not(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    write(tmp_path, FLEET, redis_server.url, f"redis://:{CANARY}@127.0.0.1:{closed_port()}/0")
    done = doctor("--json")
    assert done.code == 1
    assert found(done, "broker")["round trip"] == "ok"
    assert found(done, "results")["connection"] == "failed"


def test_an_app_that_is_needed_and_cannot_be_imported_is_an_error(doctor: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert doctor().code == 2


def test_an_app_that_is_not_needed_and_cannot_be_imported_is_a_warning(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET + f"broker: {redis_server.url}\nresults: none\n")
    done = doctor("--json")
    assert done.code == 0
    assert found(done, "here")["app"] == "warning"


def test_an_app_whose_settings_cannot_be_read_is_no_fault_of_ours(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    app = 'from celery import Celery\napp = Celery("work")\napp.config_from_object("not_there")\n'
    (tmp_path / "work.py").write_text(app)
    (tmp_path / "fleet.yaml").write_text(FLEET + f"broker: {redis_server.url}\nresults: none\n")
    assert found(doctor("--json"), "here")["app"] == "warning"
    (tmp_path / "fleet.yaml").write_text(FLEET)
    refused = doctor()
    assert refused.code == 2
    assert "settings of the app" in refused.err


@pytest.mark.parametrize(("results", "words"), [("none", "not kept"), ("rpc://", "over the broker")])
def test_results_that_have_no_server_of_their_own(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer, results: str, words: str
) -> None:
    write(tmp_path, FLEET + f"broker: {redis_server.url}\nresults: {results}\n")
    done = doctor()
    assert done.code == 0
    assert words in done.out


def test_a_variable_that_leads_elsewhere_than_the_file(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    write(tmp_path, FLEET + f"broker: {redis_server.url}\n")
    done = doctor("--json", CELERY_RESULT_BACKEND=f"redis://:{CANARY}@elsewhere/0")
    assert done.code == 1
    assert found(done, "here")["environment"] == "failed"
    assert "CELERY_RESULT_BACKEND" in done.out


def test_without_a_file_the_environment_says_it(doctor: Callable[..., Done], rabbitmq: RabbitServer) -> None:
    by_url = doctor("--json", BROKER_URL=rabbitmq.url, RABBITMQ_HOST="rabbit.invalid")
    by_parts = doctor("--json", RABBITMQ_HOST="127.0.0.1", RABBITMQ_PORT=str(rabbitmq.port))
    for done in (by_url, by_parts):
        assert done.code == 0, done
        assert done.document["file"] is None
        assert found(done, "broker")["round trip"] == "ok"
        assert found(done, "results") == {}


def test_an_argument_goes_before_the_environment_and_the_file(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    dead = f"redis://127.0.0.1:{closed_port()}/0"
    assert doctor("--broker", redis_server.url, BROKER_URL=dead).code == 0
    write(tmp_path, FLEET + f"broker: {dead}\nresults: none\n")
    assert doctor("--broker", redis_server.url).code == 0
    assert doctor("--broker", redis_server.url, "--results", dead).code == 1


def test_a_dash_reads_the_address_where_nobody_sees_it(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = f"{redis_server.url}\nredis://:{CANARY}@127.0.0.1:{closed_port()}/0\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["doctor", "--broker", "-", "--results", "-", "--json"]) == 1
    printed = capsys.readouterr().out
    assert CANARY not in printed
    checks = json.loads(printed)["checks"]
    assert {"broker", "results"} <= {check["group"] for check in checks}


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ((), {}, ("BROKER_URL", "--fleet")),
        (("--fleet", "none.yaml"), {}, ("none.yaml",)),
        (("--broker", CANARY), {}, ("--broker is not an address",)),
        (("--broker", "embedded"), {}, ("fleet file",)),
        (("--node", "one"), {"BROKER_URL": "redis://h/0"}, ("'one'",)),
        ((), {"BROKER_URL": f"amqp://ann:{CANARY}/@h//"}, ("BROKER_URL",)),
        ((), {"RABBITMQ_HOST": "rabbit", "RABBITMQ_PORT": "tcp://10.0.0.1:5672"}, ("RABBITMQ_PORT", "Kubernetes")),
        (("--timeout", "0s"), {"BROKER_URL": "redis://h/0"}, ("--timeout",)),
    ],
)
def test_what_cannot_be_diagnosed_is_an_error(
    doctor: Callable[..., Done], arguments: tuple[str, ...], environment: dict[str, str], words: tuple[str, ...]
) -> None:
    done = doctor(*arguments, **environment)
    assert done.code == 2
    assert done.out == ""
    for word in words:
        assert word in done.err


def test_a_file_that_cannot_be_read_is_an_error_as_elsewhere(doctor: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("profiles: [\n")
    done = doctor("--json", BROKER_URL="redis://h/0")
    assert done.code == 2
    assert done.document["errors"][0]["code"] == "yaml-syntax"


# what it prints


def test_the_first_step_that_fails_is_the_last_of_its_server(
    doctor: Callable[..., Done], redis_server: RedisServer
) -> None:
    broken = f"{redis_server.url.removesuffix('/0')}/none"
    done = doctor("--json", BROKER_URL=f"{broken};{redis_server.url}")
    assert done.code == 1
    assert found(done, "broker 1")["login"] == "failed"
    assert list(found(done, "broker 1"))[-1] == "login"
    assert found(done, "broker 2")["round trip"] == "ok"
    for check in done.document["checks"]:
        assert list(check) == ["group", "name", "status", "detail", "cause", "try", "milliseconds"]
        assert (check["status"] == "failed") <= bool(check["cause"] and check["try"])


def test_a_node_that_is_down_is_a_warning_where_another_lives(
    doctor: Callable[..., Done], redis_server: RedisServer
) -> None:
    dead = f"redis://:{CANARY}@127.0.0.1:{closed_port()}/0"
    done = doctor("--json", BROKER_URL=f"{dead};{redis_server.url};{dead};redis://h.invalid")
    assert done.code == 0
    assert found(done, "broker 1") == {"address": "ok", "name": "ok", "connection": "warning"}
    assert found(done, "broker 3")["connection"] == "warning"
    assert found(done, "broker 4") == {"address": "ok", "name": "warning"}
    warnings = [check for check in done.document["checks"] if check["status"] == "warning"]
    assert all(check["detail"].endswith("; Celery uses broker 2 in its place") for check in warnings)
    assert all(check["cause"] and check["try"] for check in warnings)
    assert "Celery uses broker 2 in its place" in doctor(BROKER_URL=f"{dead};{redis_server.url}").out


def test_nodes_that_are_all_down_have_failed(doctor: Callable[..., Done]) -> None:
    done = doctor("--json", BROKER_URL=";".join(f"amqp://127.0.0.1:{closed_port()}" for _ in range(2)))
    assert done.code == 1
    assert [found(done, f"broker {number}")["connection"] for number in (1, 2)] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("scheme", "query", "words"),
    [("redis", "?foo=bar", "does not take the option foo"), ("http", "", "no transport http")],
)
def test_a_broker_to_which_celery_cannot_connect_has_failed(
    doctor: Callable[..., Done], redis_server: RedisServer, scheme: str, query: str, words: str
) -> None:
    done = doctor(BROKER_URL=f"{scheme}://:{CANARY}@127.0.0.1:{redis_server.port}/0{query}")
    assert done.code == 1
    assert words in done.out


def test_text_gives_the_cause_and_what_to_try_under_what_failed(doctor: Callable[..., Done]) -> None:
    port = closed_port()
    done = doctor(BROKER_URL=f"amqp://ann:{CANARY}@127.0.0.1:{port}//")
    lines = [line.strip() for line in done.out.splitlines()]
    at = next(number for number, line in enumerate(lines) if line.startswith("failed"))
    assert f"port {port} of 127.0.0.1" in lines[at]
    assert lines[at + 1].startswith("cause: ")
    assert lines[at + 2].startswith("try: ")
    assert lines[-1].endswith("1 failed")
    assert "\x1b" not in done.out


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_password_is_printed_whatever_fails(doctor: Callable[..., Done], form: str, rabbitmq: RabbitServer) -> None:
    require(RedisServer)
    with RedisServer(settings={"requirepass": CANARY}) as closed:
        places = (f"127.0.0.1:{closed.port}", f"127.0.0.1:{rabbitmq.port}", f"127.0.0.1:{closed_port()}", "h.invalid")
        urls = [
            f"{scheme}://{user}:{CANARY}@{place}/{name}"
            for scheme, user, names in (
                ("redis", "", ("0", "x")),
                ("rediss", "ann", ("0",)),
                ("amqp", "ann", ("", "x")),
            )
            for place in places
            for name in names
        ]
        done = doctor("--format", form, "--timeout", "300ms", BROKER_URL=";".join(urls))
    assert done.code == 1
    assert done.out.count("failed") + done.out.count("warning") >= len(urls) - 1


# nodes and the embedded broker


def test_what_the_profiles_of_a_node_require(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    (tmp_path / "plain").mkdir()
    mounts = f"[/surely/not/there, {tmp_path}/plain, {{path: {tmp_path}/plain, mount_point: false}}]"
    requires = f"requires: {{mounts: {mounts}, imports: [yaml, not_installed_here], labels: [gpu, ssd]}}"
    write(
        tmp_path,
        f"app: work:app\nbroker: {redis_server.url}\n"
        f"profiles:\n  all: {{queues: [q], {requires}}}\n  free: {{queues: [q]}}\n"
        "nodes:\n  full: {labels: [ssd], workers: {all: 1}}\n  bare: {workers: {free: 1}}\n",
    )
    done = doctor("--node", "full", "--json")
    assert done.code == 1
    statuses = [(check["name"], check["status"]) for check in done.document["checks"] if check["group"] == "node"]
    assert statuses == [
        ("mount /surely/not/there", "failed"),
        (f"mount {tmp_path}/plain", "failed"),
        (f"mount {tmp_path}/plain", "ok"),
        ("import yaml", "ok"),
        ("import not_installed_here", "failed"),
        ("label gpu", "failed"),
        ("label ssd", "ok"),
    ]
    assert doctor("--node", "bare").code == 0
    unknown = doctor("--node", "ful")
    assert unknown.code == 2
    assert "'full'" in unknown.err


def test_a_mount_that_may_not_be_written(
    doctor: Callable[..., Done], tmp_path: Path, redis_server: RedisServer
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "closed").mkdir(mode=0o500)
    requires = f"requires: {{mounts: [{{path: {tmp_path}/closed, mount_point: false}}]}}"
    write(tmp_path, f"app: work:app\nbroker: {redis_server.url}\nprofiles: {{all: {{queues: [q], {requires}}}}}\n")
    done = doctor("--node", "local")
    assert done.code == 1
    assert "not writable" in done.out


def test_the_embedded_broker_is_tried_and_not_left_running(doctor: Callable[..., Done], tmp_path: Path) -> None:
    write(tmp_path, FLEET + "broker: embedded\n")
    broker = EmbeddedBroker(StateFolder.of(tmp_path / "fleet.yaml"))
    first = doctor("--json")
    assert first.code == 0, first
    assert "did not run" in first.out
    assert str(broker.socket_path) in first.out
    assert found(first, "broker")["round trip"] == "ok"
    until(lambda: not broker.keeper_path.exists())


def test_an_embedded_broker_that_runs_is_left_running(doctor: Callable[..., Done], tmp_path: Path) -> None:
    write(tmp_path, FLEET + "broker: embedded\n")
    broker = EmbeddedBroker(StateFolder.of(tmp_path / "fleet.yaml"))
    command = [sys.executable, "-m", "allotment.local.keeper", str(broker.state.made())]
    with subprocess.Popen(command) as keeper, socket.socket(socket.AF_UNIX) as holder:
        until(lambda: holder.connect_ex(str(broker.keeper_path)) == 0)
        assert "embedded      runs: " in doctor().out
        assert keeper.poll() is None
        holder.shutdown(socket.SHUT_RDWR)
        assert keeper.wait(WAIT) == 0


def until(true: Callable[[], bool]) -> None:
    """Wait for something that nobody tells of."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


def test_an_embedded_broker_that_cannot_start(doctor: Callable[..., Done], tmp_path: Path) -> None:
    write(tmp_path, FLEET + "broker: embedded\n")
    (tmp_path / ".allotment").write_text("in the way")
    done = doctor("--json")
    assert done.code == 1
    assert found(done, "here")["embedded"] == "failed"
    assert found(done, "broker") == {}
