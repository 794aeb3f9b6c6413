"""The broker servers that the other conformance tests rely on: they serve, keep what they must, and leave nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import kombu
import psutil
import pytest

from allotment.testing.brokers import BrokerServerError, LocalServer, RabbitServer
from allotment.testing.fixtures import SERVERS, require
from allotment.testing.tether import TetheredProcess

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=list(SERVERS))
def kind(request) -> type[LocalServer]:
    require(SERVERS[request.param])
    return SERVERS[request.param]


@pytest.fixture
def server(kind) -> Iterator[LocalServer]:
    with kind() as server:
        yield server


@pytest.fixture
def rabbit() -> type[LocalServer]:
    require(RabbitServer)
    return RabbitServer


def publish(server, body, queue="letters"):
    """Put a persistent message into a durable queue, and wait until the broker has both on disk."""
    put(server, body, kombu.Queue(queue, durable=True))
    if isinstance(server, RabbitServer):
        server.write_through()


def put(server, body, queue):
    with kombu.Connection(server.url, transport_options={"confirm_publish": True}) as connection:
        kombu.Producer(connection).publish(
            body, exchange="", routing_key=queue.name, declare=[queue], delivery_mode=2, retry=False
        )


def receive(server, queue="letters"):
    """Take one message out of the queue; None if it is empty."""
    with kombu.Connection(server.url) as connection:
        message = kombu.Queue(queue, durable=True)(connection.default_channel).get()
        if message is None:
            return None
        message.ack()
        return message.payload


def processes(folder) -> list[psutil.Process]:
    """Find the processes that have the folder in their command or environment; a zombie has neither."""
    found = []
    for process in psutil.process_iter():
        try:
            texts = (*process.cmdline(), *process.environ().values(), process.cwd())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if process.pid != os.getpid() and any(str(folder) in text for text in texts):
            found.append(process)
    return found


def relatives(pid) -> set[int]:
    """Give a process and its descendants."""
    return {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}


def alive(pids) -> list[int]:
    """Give those of the processes that run; one that has ended may still wait for its parent to notice."""
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_message_goes_through_each_shared_server(broker):
    publish(broker, {"hello": broker.name}, queue="shared")
    assert receive(broker, queue="shared") == {"hello": broker.name}
    assert psutil.pid_exists(broker.pid)


def test_a_persistent_message_survives_kill_and_start(server):
    publish(server, "still here")
    url, pid = server.url, server.pid

    server.kill()
    assert not psutil.pid_exists(pid)
    with pytest.raises(BrokerServerError, match="not running"):
        _ = server.pid

    server.start()
    assert (server.url, server.pid != pid) == (url, True)
    assert receive(server) == "still here"
    assert receive(server) is None


def test_a_new_quorum_queue_survives_kill_and_start(rabbit):
    """Without the writing through, the newest of the queues can never be used again."""
    queues = [kombu.Queue(f"new-{number}", queue_arguments={"x-queue-type": "quorum"}) for number in range(3)]
    with rabbit() as server:
        for queue in queues:
            put(server, "still here", queue)
        server.write_through()
        server.kill()
        server.start()
        with kombu.Connection(server.url) as connection:
            for queue in queues:
                message = queue(connection.default_channel).get(no_ack=True)
                assert message is not None
                assert message.payload == "still here"


def test_a_persistent_message_survives_stop_and_start(server):
    publish(server, "still here")
    server.stop()
    server.start()
    assert receive(server) == "still here"


@pytest.mark.parametrize("end", ["stop", "kill", "close"])
def test_the_end_leaves_no_process(server, end):
    before = {process.pid for process in processes(server.folder)} | relatives(server.pid)
    assert server.pid in before
    assert len(before) >= 2  # the broker and its tether

    getattr(server, end)()

    assert [pid for pid in before if psutil.pid_exists(pid)] == []
    assert processes(server.folder) == []
    assert not server.running
    assert server.folder.exists() == (end != "close")
    getattr(server, end)()


def test_a_server_that_died_can_be_started_again(server):
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not server.running)
    server.start()
    publish(server, "back")
    assert receive(server) == "back"


def test_a_suspended_server_can_be_stopped(server):
    os.kill(server.pid, signal.SIGSTOP)
    server.stop()
    assert processes(server.folder) == []


def test_a_server_that_does_not_stop_in_time_is_ended_and_keeps_its_data(server, monkeypatch):
    publish(server, "still here")
    with monkeypatch.context() as patch:
        patch.setattr("allotment.testing.brokers.server.STOP_SECONDS", 0)
        with pytest.raises(BrokerServerError, match="did not shut down in 0 s"):
            server.stop()
    assert processes(server.folder) == []
    server.start()
    assert receive(server) == "still here"


def test_it_listens_on_the_loopback_only(broker):
    addresses = {
        connection.laddr.ip
        for process in processes(broker.folder)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses
    assert addresses <= {"127.0.0.1", "::1"}


def test_two_servers_do_not_collide(kind):
    with ExitStack() as stack:
        first, second = (stack.enter_context(kind()) for _ in range(2))
        assert first.url != second.url
        assert first.pid != second.pid
        publish(first, "for the first")
        publish(second, "for the second")
        assert receive(second) == "for the second"
        first.stop()
        publish(second, "once more")
        assert receive(second) == "once more"


HOLDER = """
import json, os, signal, sys
from allotment.testing.fixtures import SERVERS
server = SERVERS[sys.argv[1]]()
server.start()
child = os.fork() if sys.argv[2] == "with a forked child" else 0
if child or sys.argv[2] == "alone":
    print(json.dumps({"pid": server.pid, "folder": str(server.folder), "child": child}), flush=True)
signal.pause()
"""


@pytest.mark.parametrize(
    "holder",
    [
        "alone",
        pytest.param(
            "with a forked child",
            marks=pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only a pidfd tells, and Linux has those"),
        ),
    ],
)
def test_sigkill_of_the_holder_ends_the_server(kind, holder):
    command = [sys.executable, "-c", HOLDER, kind.name, holder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = json.loads(process.stdout.readline())
        try:
            pids = {found.pid for found in processes(told["folder"])} | relatives(told["pid"])
            assert told["pid"] in pids
            process.kill()
            wait_until(lambda: not alive(pids))
            assert not Path(told["folder"]).exists()
        finally:
            process.kill()
            if told["child"]:
                os.kill(told["child"], signal.SIGKILL)


def test_a_holder_that_exits_ends_the_server(kind):
    script = HOLDER.replace("signal.pause()", "")
    result = subprocess.run(
        [sys.executable, "-c", script, kind.name, "alone"], capture_output=True, text=True, check=True
    )
    told = json.loads(result.stdout)
    wait_until(lambda: not processes(told["folder"]) and not alive([told["pid"]]))
    assert not Path(told["folder"]).exists()


def test_settings_reach_the_server(kind):
    wrong = {"no_such_setting": "1"}
    server = kind(settings=wrong, start_seconds=30)
    with pytest.raises(BrokerServerError, match=r"(?s)ended with status.*no_such_setting"):
        server.start()
    assert processes(server.folder) == []
    server.close()
    assert not server.folder.exists()


def test_a_server_that_does_not_answer_in_time_is_ended(kind):
    server = kind(start_seconds=0)
    with pytest.raises(BrokerServerError, match="did not answer within 0 s"):
        server.start()
    assert processes(server.folder) == []
    server.close()


def test_starting_twice_is_refused(broker):
    pid = broker.pid
    with pytest.raises(BrokerServerError, match="running already"):
        broker.start()
    assert broker.pid == pid


def test_a_folder_can_be_given_and_keeps_the_data(kind):
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)  # so that the user who runs RabbitMQ can enter it
        folder = Path(parent, "data")
        with kind(folder) as first:
            publish(first, "kept")
        assert folder.is_dir()
        with kind(folder) as second:
            assert second.url != first.url
            assert receive(second) == "kept"
        with kind(folder, port=first.port) as third:
            assert third.url == first.url


def test_rabbitmq_says_when_its_user_cannot_reach_the_folder(rabbit, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root runs RabbitMQ as another user")
    tmp_path.chmod(0o700)
    with pytest.raises(BrokerServerError, match="may not enter"):
        rabbit(tmp_path / "data").start()


def test_rabbitmq_runs_with_a_plugin(rabbit):
    with RabbitServer(plugins=["rabbitmq_consistent_hash_exchange"]) as server, kombu.Connection(server.url) as client:
        kombu.Exchange("spread", type="x-consistent-hash")(client.default_channel).declare()


@pytest.mark.parametrize("name", list(SERVERS))
def test_a_server_that_cannot_be_had_says_how_to_get_it(name, monkeypatch):
    kind = SERVERS[name]
    monkeypatch.setattr("allotment.testing.brokers.rabbit.find_program", lambda _: "")
    monkeypatch.setattr("allotment.testing.brokers.redis.find_program", lambda _: "")
    monkeypatch.setattr("importlib.metadata.files", lambda _: None)
    reason = kind.unavailable()
    assert "install" in reason

    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install"):
        require(kind)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install"):
        require(kind)
    with pytest.raises(BrokerServerError, match="install"):
        kind().start()


def tethered(folder, *command) -> TetheredProcess:
    return TetheredProcess(command, environment=os.environ, folder=folder, log=folder / "log")


def test_a_tether_passes_on_what_the_command_says_and_how_it_ends(tmp_path):
    process = tethered(tmp_path, sys.executable, "-c", "import sys; print('said'); sys.exit(3)")
    assert process.wait(20) == 3
    assert (tmp_path / "log").read_text() == "said\n"

    process = tethered(tmp_path, sys.executable, "-c", "import signal; signal.pause()")
    assert process.wait(0.01) is None
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert process.end() == 128 + signal.SIGTERM


def test_a_tether_notices_a_command_that_ends_at_once(tmp_path):
    true = shutil.which("true")
    for process in [tethered(tmp_path, true) for _ in range(40)]:
        assert process.wait(20) == 0


def test_a_tether_says_when_the_command_cannot_be_started(tmp_path):
    with pytest.raises(ChildProcessError, match="/no/such/program"):
        tethered(tmp_path, "/no/such/program")
    assert "No such file" in (tmp_path / "log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt the orphans of its children")
@pytest.mark.parametrize("last", ["sys.exit(3)", "signal.pause()"])
def test_a_tether_ends_the_daemons_of_the_command(tmp_path, last):
    daemon = "if os.fork() == 0: os.setsid(); print(os.getpid(), flush=True); signal.pause()"
    process = tethered(tmp_path, sys.executable, "-c", f"import os, signal, sys\n{daemon}\n{last}")
    wait_until(lambda: (tmp_path / "log").read_text().endswith("\n") or last.startswith("sys"))
    status = process.wait(20) if last.startswith("sys") else process.end()
    assert status == (3 if last.startswith("sys") else 128 + signal.SIGKILL)
    assert processes(tmp_path) == []
