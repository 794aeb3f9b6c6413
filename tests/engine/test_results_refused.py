"""Results that their server does not take for a while."""

import threading
from pathlib import Path

import pytest
import redis
from celery import Celery
from engine.transports import until

from allotment.engine.client import close, keep_results_quiet
from allotment.engine.installation import install
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.brokers import LocalServer

FLEET = """
broker: ${URL}
results: ${URL}
tasks: {shop.*: {queue: work}}
profiles: {shop: {queues: [work], time_limit: 1m}}
"""


def test_a_result_is_stored_once_the_server_has_memory_again(
    own_server: LocalServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    app = Celery("shop", set_as_current=False)
    app.conf.result_backend_always_retry = True
    install(read_fleet_file(tmp_path / "fleet.yaml", {"URL": own_server.url}), app)
    keep_results_quiet(app)
    with redis.Redis.from_url(own_server.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1mb")
        try:
            stored = threading.Thread(target=app.backend.mark_as_done, args=("the-id", 42), daemon=True)
            stored.start()
            until(lambda: "Failed operation" in caplog.text)
            assert stored.is_alive()
            client.config_set("maxmemory", "0")
            stored.join(timeout=60)
            assert not stored.is_alive()
            assert app.AsyncResult("the-id").get(timeout=10) == 42
        finally:
            client.config_set("maxmemory", "0")
            close(app)
