"""Addresses of the file, as Celery's own classes take them."""

import ssl
from pathlib import Path

import pytest
from celery import Celery

from allotment.engine.installation import install
from allotment.source.fleet_file import read_fleet_file

FLEET = "profiles: {all: {queues: [q]}}\nbroker: {broker}\nresults: {results}\n"


@pytest.mark.parametrize(
    ("broker", "results", "checked"),
    [
        ("amqp://rabbit//", "rediss://redis/1", ssl.CERT_REQUIRED),
        ("rediss://redis/0", "valkeys://redis/1?socket_timeout=5", ssl.CERT_REQUIRED),
        ("valkeys://redis/0", "", ssl.CERT_REQUIRED),
        ("rediss://redis/0", "rediss://redis/1?ssl_cert_reqs=CERT_NONE", ssl.CERT_NONE),
    ],
)
def test_an_encrypted_result_server_needs_no_more_said(
    broker: str, results: str, checked: ssl.VerifyMode, tmp_path: Path
) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET.replace("{broker}", broker).replace("{results}", results or "null"))
    app = Celery("encrypted", set_as_current=False)
    install(read_fleet_file(path, {}), app)
    assert app.conf.result_backend.startswith("rediss://redis/")
    assert app.backend.connparams["ssl_cert_reqs"] == checked
    assert app.backend.connparams["host"] == "redis"
