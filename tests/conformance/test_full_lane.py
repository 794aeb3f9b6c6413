"""RabbitMQ: a lane that is full stops nobody, and what was to be passed on into it arrives later."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from celery import Celery

from allotment.engine.client import close, keep_results_quiet
from allotment.local.embedded import EmbeddedBroker
from allotment.local.running import RunningFleet
from allotment.local.state import StateFolder
from allotment.testing.brokers import RabbitServer

FLEET = """
app: crew.app:app
broker: ${BROKER_URL}
results: embedded
profiles:
  left: {tasks: ["left.*"], queues: [narrow], concurrency: 1, prefetch: 1}
  right: {tasks: ["right.*", "both.*"], queues: [narrow], concurrency: 1, prefetch: 1}
queues:
  narrow: {max_length: 2, when_full: reject}
"""


def until(what: Callable[[], bool], timeout: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


@pytest.mark.timeout(120)
def test_workers_outlive_a_full_lane(project, rabbitmq: RabbitServer) -> None:  # type: ignore[no-untyped-def]
    folder: Path = project("crew")
    (folder / "fleet.yaml").write_text(FLEET)
    with RunningFleet(folder / "fleet.yaml", environment={"BROKER_URL": rabbitmq.url}) as fleet:
        results = EmbeddedBroker(StateFolder.of(folder / "fleet.yaml")).results_url
        plain = Celery("plain", broker=rabbitmq.url, backend=results, set_as_current=False)
        keep_results_quiet(plain)
        plain.conf.broker_transport_options = {"confirm_publish": True}
        with plain.connection_for_write() as connection:
            producer = connection.Producer()

            def send(name: str, *arguments: object, queue: str) -> object:
                plain.amqp.queues.add(_declared(queue))
                return plain.send_task(name, args=arguments, queue=queue, producer=producer)

            def waiting() -> int:
                channel = connection.default_channel
                return int(channel.queue_declare("narrow:left", passive=True).message_count)

            filling = [send("left.sleep", 2, queue="narrow:left") for _ in range(2)]
            until(lambda: waiting() == 0)  # the worker runs one and has taken one: two more fill the lane
            filling += [send("left.sleep", 2, queue="narrow:left") for _ in range(2)]
            until(lambda: waiting() == 2)
            passed_on = [send("left.add", number, 1, queue="narrow") for number in range(2)]
            assert [result.get(timeout=60) for result in filling] == [2] * 4  # type: ignore[attr-defined]
            assert [result.get(timeout=60) for result in passed_on] == [1, 2]  # type: ignore[attr-defined]
        assert not [event for event in fleet.events if event["event"] in {"ended", "given-up"}]
        close(plain)


def _declared(name: str):  # type: ignore[no-untyped-def]
    from kombu import Exchange, Queue

    arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
    key = name if ":" in name else "narrow"
    return Queue(name, Exchange("narrow"), routing_key=key, queue_arguments=arguments)
