"""RabbitMQ: copies that it makes by itself, and queues whose type the virtual host decides."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conformance.conftest import Crew, own_place
from conformance.test_guard import take_dead
from conformance.test_guard_hostile import BODY, JSON
from conformance.test_guard_poison import running, until
from kombu import Connection

from allotment.engine.dead.letters import read
from allotment.testing.brokers import RabbitServer

FLEET = """
app: deadly:app
broker: ${BROKER_URL}
results: embedded
queues:
  work: {type: classic, max_length: 500, when_full: reject}
  mail: {type: quorum, max_length: 500, when_full: drop-oldest}
profiles:
  all: {tasks: ["deadly.*"], queues: [work, mail], concurrency: 1, time_limit: 1m}
tasks: {"deadly.*": {queue: work}}
"""

BEFORE = {
    "allotment.dead": {"x-max-length": 100_000, "x-overflow": "reject-publish"},
    "allotment.dropped": {"x-max-length": 10_000, "x-max-length-bytes": 64 * 2**20, "x-overflow": "drop-head"},
    "work": {"x-max-length": 500, "x-overflow": "reject-publish"},
}
"""How these queues were declared before their type was said."""


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a virtual host that no other test uses."""
    with own_place("rabbitmq", request) as environment:
        yield environment["BROKER_URL"]


@pytest.fixture
def host_of_quorum_queues(rabbitmq: RabbitServer) -> Iterator[tuple[str, str]]:
    """Give the address and the name of one in which queues are quorum queues where nobody says otherwise."""
    name = uuid.uuid4().hex
    rabbitmq.control("add_vhost", name, "--default-queue-type", "quorum")
    rabbitmq.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    yield rabbitmq.url.removesuffix("/") + name, name
    rabbitmq.control("delete_vhost", name)


@pytest.fixture
def copies(crew: Crew) -> Iterator[Callable[[], int]]:
    """Give how many messages are in the queue `copies`."""
    with Connection(crew.broker_url) as connection:
        channel = connection.default_channel
        channel.queue_declare("copies", durable=True, auto_delete=False)
        yield lambda: int(channel.queue_declare("copies", passive=True).message_count)
        channel.queue_delete("copies")


@pytest.mark.parametrize("crew", ["rabbitmq"], indirect=True)
@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_what_is_passed_on_is_copied_to_no_other_queue(crew: Crew, copies: Callable[[], int], header: str) -> None:
    """RabbitMQ takes BCC off by itself, and leaves CC in the message that it delivers."""
    lane = str(crew.app.allotment.plan.lane("right.double").name)
    with Connection(crew.broker_url) as connection:
        for task, identity in (("left.add", str(uuid.uuid4())), ("ghost.copied", str(uuid.uuid4()))):
            connection.Producer().publish(
                BODY,
                routing_key=lane,
                headers={"task": task, "id": identity, "lang": "py", header: ["copies"]},
                content_type=JSON,
                content_encoding="utf-8",
                timestamp=1_700_000_000,
            )
            if task == "left.add":
                assert crew.app.AsyncResult(identity).get(timeout=30) == 3, "it was forwarded"
        until(lambda: crew.depth("allotment.dead") == 1)
        assert copies() == 2, "as many as were sent"
        kept = connection.default_channel.basic_get("allotment.dead")
        assert kept.properties["timestamp"] == 1_700_000_000
        connection.default_channel.basic_ack(kept.delivery_tag)


@pytest.mark.timeout(240)
def test_dead_letters_lie_in_a_classic_queue_whatever_the_virtual_host_prefers(
    rabbitmq: RabbitServer, host_of_quorum_queues: tuple[str, str], tmp_path: Path
) -> None:
    """A quorum queue counts each look at a message as a delivery, and gives it up after some."""
    url, name = host_of_quorum_queues
    with running(FLEET, tmp_path, {"BROKER_URL": url}) as crew:
        with Connection(url) as connection:
            connection.Producer().publish(
                BODY, routing_key="work", headers={"task": "ghost.kept", "id": "kept"}, content_type=JSON
            )
        until(lambda: crew.depth("allotment.dead") == 1)
        listed = rabbitmq.control("list_queues", "-p", name, "name", "type").splitlines()
        types = dict(line.split("\t") for line in listed)
        ours = {"allotment.dead", "allotment.dropped", "work"}
        assert {types[queue] for queue in ours} == {"classic"}
        for _ in range(3):
            assert [(letter.id, letter.deliveries) for letter in read(crew.app)] == [("kept", 0)]
        take_dead(crew, 1)


@pytest.mark.timeout(240)
def test_classic_queues_that_were_declared_without_their_type_are_the_same(host: str, tmp_path: Path) -> None:
    with Connection(host) as connection:
        for queue, arguments in BEFORE.items():
            connection.default_channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
    with running(FLEET, tmp_path, {"BROKER_URL": host}) as crew:
        assert crew.task("deadly.live", 1).apply_async().get(timeout=60) == 1
        with Connection(host) as connection:
            connection.Producer().publish(BODY, routing_key="work", headers={"task": "ghost", "id": "1"})
        assert len(take_dead(crew, 1)) == 1
