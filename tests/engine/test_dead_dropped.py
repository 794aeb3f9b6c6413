"""What queues have dropped, counted over kombu's own transport for Redis too."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery
from redis import Redis

from allotment.engine.client import close
from allotment.engine.installation import install
from allotment.engine.publishing.dropped import Dropped, dropped_counts
from allotment.engine.redis_transport.limits import DROPPED_KEY
from allotment.model.task import KnownTask
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import RedisServer

FLEET = """
app: shop:app
broker: ${BROKER_URL}
profiles: {all: {queues: [narrow]}}
queues: {narrow: {max_length: 2, when_full: drop-oldest}}
"""


@pytest.fixture(params=[True, False], ids=["fleet", "plain"])
def app(request: pytest.FixtureRequest, redis_server: RedisServer, tmp_path: Path) -> Iterator[Celery]:
    """Give an app on the fleet's transport, and on kombu's own; its keys have a beginning of their own."""
    (tmp_path / "fleet.yaml").write_text(FLEET)
    made = Celery("shop", set_as_current=False)
    made.conf.broker_transport_options = {"allotment": request.param, "global_keyprefix": f"{uuid4().hex}:"}
    file = read_fleet_file(tmp_path / "fleet.yaml", {"BROKER_URL": redis_server.url})
    install(file, made, (KnownTask("shop.receipt"),))
    yield made
    close(made)


def test_counts_are_read_by_each_transport(app: Celery, redis_server: RedisServer) -> None:
    assert dropped_counts(app) == {}
    prefix = app.conf.broker_transport_options["global_keyprefix"]
    with Redis.from_url(redis_server.url) as server:
        server.hset(f"{prefix}{DROPPED_KEY}", "narrow", 3)
    assert dropped_counts(app) == {"narrow": Dropped(3)}
