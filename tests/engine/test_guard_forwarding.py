"""To which lane a worker passes a message on, and what it makes of odd ones."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import InvalidTaskError
from kombu import Connection, Message

from allotment.engine.client import close
from allotment.engine.guard.arrival import waits_for_its_time
from allotment.engine.guard.forwarding import forward, forwards_of, wanted_task
from allotment.engine.installation import install
from allotment.errors import PublishRefused
from allotment.model.task import KnownTask
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import BrokerServer

ZONES = """
app: shop:app
broker: ${BROKER_URL}
default_queue: common
tasks:
  shop.near: {queue: yard, zone: same}
  shop.other: {queue: common, zone: same}
profiles:
  eastern: {tasks: [shop.near, shop.other], queues: [common]}
  western: {tasks: [shop.near], queues: [yard]}
  others: {tasks: [shop.other], queues: [common]}
nodes:
  one: {zone: east, workers: {eastern: 1}}
  two: {zone: west, workers: {western: 1, others: 1}}
"""

ROUTED = """
app: shop:app
broker: ${BROKER_URL}
default_queue: common
route_by_resource: {cpu: heavy, io: light, argument: kind}
profiles:
  every: {tasks: ["shop.*"], queues: [common, heavy, light]}
"""

Forwarded = Callable[..., str | None]


@pytest.fixture
def forwarded(request: pytest.FixtureRequest, redis_server: BrokerServer, tmp_path: Path) -> Iterator[Forwarded]:
    """Give a function that passes on a message which came by a routing key, and says to which list it went."""
    (tmp_path / "fleet.yaml").write_text(request.param)
    app = Celery("shop", set_as_current=False)
    file = read_fleet_file(tmp_path / "fleet.yaml", {"BROKER_URL": redis_server.url.rpartition("/")[0] + "/9"})
    install(file, app, tuple(KnownTask(name) for name in ("shop.near", "shop.other", "shop.handle")))
    with Connection(app.conf.broker_url) as connection:
        channel = connection.default_channel
        channel.client.flushdb()

        def pass_on(task: str, key: str, body: Any = ((), {}, {}), content_type: str = "application/json") -> str:
            channel.queue_declare(key)
            connection.Producer().publish(
                json.dumps(body).encode(),
                routing_key=key,
                headers={"task": task, "id": "1"},
                content_type=content_type,
                content_encoding="utf-8",
            )
            message = channel.message_to_python(channel.basic_get(key))
            message.accept = {"application/json"}
            forward(SimpleNamespace(app=app, connection_errors=()), message, task)
            [found] = [lane for lane in app.allotment.plan.lanes if channel._size(lane)]
            channel.queue_purge(found)
            return str(found)

        yield pass_on
        channel.client.flushdb()
    close(app)


@pytest.mark.parametrize("forwarded", [ZONES], indirect=True)
def test_a_task_that_stays_in_its_zone_goes_to_its_own_queue_where_the_one_it_came_from_has_nobody_there(
    forwarded: Forwarded,
) -> None:
    """In the other zone that queue has a worker for it."""
    assert forwarded("shop.near", "common@west") == "yard@west"
    assert forwarded("shop.other", "common@west") == "common@west"
    assert forwarded("shop.near", "common:eastern@east") == "common:eastern@east"
    with pytest.raises(PublishRefused, match="'common' can run 'shop"):
        forwarded("shop.handle", "common@west")


@pytest.mark.parametrize("forwarded", [ROUTED], indirect=True)
def test_the_kind_of_work_among_its_arguments_counts_as_when_it_was_sent(forwarded: Forwarded) -> None:
    assert forwarded("shop.handle", "gone", [[], {"kind": "cpu"}, {}]) == "heavy"
    assert forwarded("shop.handle", "gone", {"args": [], "kwargs": {"kind": "io"}}) == "light"
    assert forwarded("shop.handle", "light", [[], {"kind": "cpu"}, {}]) == "light", "somebody sent it there"
    for body in ([], 5, [[], 5, {}], {"args": []}):
        assert forwarded("shop.handle", "gone", body) == "common"
    assert forwarded("shop.handle", "gone", content_type="application/x-python-serialize") == "common"


@pytest.mark.parametrize(("said", "count"), [(3, 3), (-(10**9), 0), (True, 0), ("3", 0), (None, 0)])
def test_what_is_no_count_of_forwards_lifts_no_limit(said: object, count: int) -> None:
    assert forwards_of(Message(headers={"allotment_forwards": said})) == count


@pytest.mark.parametrize("name", [5, None])
def test_a_map_of_what_is_no_task_is_not_looked_for(name: object) -> None:
    body = json.dumps([[], {"task": {"task": name}, "it": []}, {}])
    message = Message(
        body, headers={"task": "celery.map"}, content_type="application/json", content_encoding="utf-8", accept=None
    )
    with pytest.raises(InvalidTaskError, match="no name of a task"):
        wanted_task(message)


@pytest.mark.parametrize("eta", ["never", 5, [], "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_cannot_be_read_does_not_wait(eta: object) -> None:
    """Some of these raise an OSError, which elsewhere stands for a lost connection."""
    assert not waits_for_its_time({"eta": eta}, UTC)
