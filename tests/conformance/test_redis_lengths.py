"""Servers of the Redis family: a queue holds as many messages as the file says, whoever sends at the same time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.source.fleet_file import read_fleet_file

FLEET = """
app: crew.app:app
broker: ${BROKER_URL:-embedded}
results: none
profiles:
  left: {tasks: ["left.*"], queues: [narrow]}
  right: {tasks: ["right.*"], queues: [narrow]}
queues:
  narrow: {max_length: 50, when_full: WHEN}
"""

SENDER = """
import json, sys
from pathlib import Path
from celery import Celery
from allotment.engine.client import close
from allotment.engine.installation import install
from allotment.errors import QueueFull
from allotment.source.fleet_file import read_fleet_file

app = Celery("sender")
install(read_fleet_file(Path(sys.argv[1]), json.loads(sys.argv[2])), app)
app.allotment.before_connecting()
print("ready", flush=True)
sys.stdin.readline()
refused = []
for number in range(50):
    try:
        app.send_task("left.add", [number, 1], ignore_result=True)
    except QueueFull as error:
        refused.append([error.queue, str(error)])
close(app)
print(json.dumps(refused), flush=True)
"""


@pytest.fixture(params=["embedded", "redis", "valkey"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "embedded":
        return {}
    server = request.getfixturevalue({"redis": "redis_server", "valkey": "valkey_server"}[request.param])
    Redis.from_url(server.url).flushall()
    return {"BROKER_URL": server.url}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("when_full", ["reject", "drop-oldest"])
def test_four_processes_send_two_hundred_to_a_queue_of_fifty(project, environment, when_full: str) -> None:  # type: ignore[no-untyped-def]
    folder: Path = project("crew")
    path = folder / "fleet.yaml"
    path.write_text(FLEET.replace("WHEN", when_full))
    app = Celery("looks", set_as_current=False)
    install(read_fleet_file(path, environment), app)
    keep_results_quiet(app)
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SENDER, str(path), json.dumps(environment)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        for sender in senders:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "ready\n"
        app.allotment.before_connecting()
        for sender in senders:
            assert sender.stdin is not None
            sender.stdin.write("\n")
            sender.stdin.flush()
        refused = [one for sender in senders for one in json.loads(sender.communicate(timeout=120)[0])]
    finally:
        for sender in senders:
            sender.kill()
            sender.wait()
    with app.connection_for_write() as connection:
        server = connection.default_channel.server
        kept = server.llen("narrow:left")
        dropped = server.hgetall("allotment:dropped")
    close(app)
    assert kept == 50
    if when_full == "reject":
        assert len(refused) == 150
        assert {queue for queue, _ in refused} == {"narrow"}
        assert all("narrow" in text and "50" in text for _, text in refused)
        assert not dropped
    else:
        assert not refused
        assert dropped == {b"narrow:left": b"150"}
