"""Each step of the doctor at real servers that are well, stopped, silent, closed to us, full or behind TLS."""

import base64
import gc
import hashlib
import json
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from amqp.exceptions import AccessRefused
from kombu import Connection
from papers import GOOD_UNTIL, PAST, SOON, Papers, make_papers, require_openssl

from allotment.engine.diagnosis import rabbitmq as rabbitmq_steps
from allotment.engine.diagnosis import redis_family
from allotment.engine.diagnosis.server import server_checks
from allotment.local.diagnosis.certificate import read_certificate
from allotment.local.diagnosis.check import Check, Status
from allotment.local.diagnosis.network import Look
from allotment.local.diagnosis.surroundings import Surroundings
from allotment.local.diagnosis.target import target_of
from allotment.testing.brokers import BrokerServer, RabbitServer, RedisServer, free_ports
from allotment.testing.fixtures import require

CANARY = "s3cr3t/canary"
ENCODED = "s3cr3t%2Fcanary"
QUICK = 1.0
"""Seconds for a step that is to fail by time."""


def look(url: str, use_ssl: Any = None, timeout: float = 5.0, *, results: bool = False) -> list[Check]:
    """Look at a server from outside any container."""
    return list(server_checks(url, Surroundings(), timeout, use_ssl, results=results))


def failure(url: str, use_ssl: Any = None, timeout: float = 5.0, *, results: bool = False) -> Check:
    """Look at a server at which something fails, and give that: the last thing looked at, with cause and remedy."""
    *before, last = look(url, use_ssl, timeout, results=results)
    assert last.failed, last
    assert not any(check.failed for check in before)
    assert last.cause
    assert last.remedy
    for text in (last.detail, last.cause, last.remedy):
        assert "canary" not in text
    return last


def named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


# a server that is well


def test_a_server_that_is_well_passes_every_step(broker: BrokerServer) -> None:
    checks = look(broker.url)
    assert [check for check in checks if check.status not in {Status.OK, Status.UNKNOWN}] == []
    steps = ["address", "name", "connection", "protocol", "login", "server", "clock", "round trip"]
    assert [check.name for check in checks if check.name != "eviction"] == steps
    product = {"rabbitmq": "RabbitMQ", "redis": "Redis", "valkey": "Valkey"}[broker.name]
    assert named(checks, "server").detail.startswith(f"{product} ")
    assert named(checks, "round trip").milliseconds is not None


class _Known:
    """Stands for an id, so that the test knows the name of what was made."""

    hex = "0123456789abcdef"

    def __str__(self) -> str:
        return "known"


KNOWN = _Known()


def test_nothing_is_left_at_redis(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_family, "uuid4", lambda: KNOWN)
    with redis.Redis(port=redis_server.port) as client:
        client.config_resetstat()
        assert not any(check.failed for check in look(redis_server.url))
        assert client.info("commandstats")["cmdstat_set"]["calls"] == 1
        assert client.exists("allotment.doctor.known") == 0


def test_nothing_is_left_at_rabbitmq(rabbitmq: RabbitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq_steps, "uuid4", lambda: KNOWN)
    assert not any(check.failed for check in look(rabbitmq.url))
    with Connection(rabbitmq.url) as connection, pytest.raises(connection.channel_errors, match="NOT_FOUND"):
        connection.default_channel.queue_declare("allotment.doctor.known", passive=True)


# the way there


def test_a_stopped_server_refuses() -> None:
    require(RedisServer)
    with RedisServer() as server:
        server.stop()
        found = failure(server.url)
    assert found.name == "connection"
    assert "refuses" in found.detail
    assert f"port {server.port}" in found.detail


def test_a_name_that_nobody_has() -> None:
    found = failure("amqp://rabbit.invalid//")
    assert found.name == "name"
    assert "getent hosts rabbit.invalid" in str(found.remedy)


def test_a_name_that_is_not_answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def wait(*_: Any, **__: Any) -> list[Any]:
        assert answered.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    try:
        assert failure("amqp://rabbit//", timeout=0.1).name == "name"
    finally:
        answered.set()


@pytest.mark.skipif(
    not hasattr(socket, "SOCK_CLOEXEC"), reason="only Linux leaves a full queue of connections unanswered"
)
def test_a_connection_that_is_not_answered_in_time() -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        found = failure(f"redis://127.0.0.1:{listener.getsockname()[1]}/0", timeout=QUICK)
    assert found.name == "connection"
    assert "in time" in found.detail
    assert "firewall" in str(found.cause)


@pytest.mark.parametrize(
    ("scheme", "step"), [("amqp", "protocol"), ("redis", "protocol"), ("amqps", "TLS"), ("rediss", "TLS")]
)
def test_a_server_that_takes_the_connection_and_says_nothing(scheme: str, step: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = failure(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", timeout=QUICK)
    assert found.name == step
    assert "says nothing" in found.detail


def test_redis_behind_amqp_and_rabbitmq_behind_redis(redis_server: RedisServer, rabbitmq: RabbitServer) -> None:
    for url in (f"amqp://127.0.0.1:{redis_server.port}", f"redis://127.0.0.1:{rabbitmq.port}"):
        found = failure(url, timeout=QUICK)
        assert found.name == "protocol"
        assert "does not speak" in found.detail


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    found = failure(f"redis+socket://{tmp_path}/none.sock")
    assert found.name == "connection"
    assert "none.sock is not there" in found.detail


def test_another_kind_of_server_is_looked_at_no_further_than_that_it_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"mongodb://ann:{ENCODED}@127.0.0.1:{listener.getsockname()[1]}/x"
        *_, connection, last = look(url, results=True)
    assert connection.name == "connection"
    assert connection.status is Status.OK
    assert last.status is Status.UNKNOWN
    assert look("file:///tmp/results", results=True)[-1].status is Status.UNKNOWN


@pytest.mark.parametrize("url", [f"amqp://ann:{CANARY}@rabbit//", f"redis://h:{CANARY}", "rabbit"])
def test_what_is_no_address_is_told_without_repeating_it(url: str) -> None:
    found = failure(url)
    assert found.name == "address"
    assert "percent-encoded" in str(found.cause)


# what kombu and Celery make of the address


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("foo=bar", "the option foo of"),
        (f"password={CANARY}", "the option password of"),
        ("virtual_host=3", "the option virtual_host of"),
        ("heartbeat=often", "an option of"),
        ("connect_timeout=3", "an option of"),
    ],
)
def test_a_broker_whose_options_kombu_does_not_take(broker: BrokerServer, option: str, words: str) -> None:
    found = failure(f"{broker.url}?{option}")
    assert found.name == "address"
    assert words in found.detail


def test_an_option_of_which_only_redis_py_knows_that_there_is_none(tmp_path: Path) -> None:
    require(RedisServer)
    path = tmp_path / "redis.sock"
    with RedisServer(settings={"unixsocket": str(path)}):
        assert not any(check.failed for check in look(f"redis+socket://{path}?virtual_host=3"))
        found = failure(f"redis+socket://{path}?foo=bar")
    assert found.name == "login"
    assert "the option foo of" in found.detail


@pytest.mark.parametrize("scheme", ["http", "https", "rabbitmq", "valkey", "db+postgresql", "REDIS+SOCKET"])
def test_a_broker_of_a_scheme_that_kombu_does_not_have(scheme: str, redis_server: RedisServer) -> None:
    found = failure(f"{scheme}://ann:{ENCODED}@127.0.0.1:{redis_server.port}/0")
    assert found.name == "address"
    assert f"no transport {scheme}" in found.detail
    assert "amqp://" in str(found.remedy)


def test_a_broker_whose_transport_lacks_its_library() -> None:
    found = failure("mongodb://127.0.0.1/x")
    assert found.name == "address"
    assert "pymongo" in str(found.cause)


@pytest.mark.parametrize("scheme", ["http", "nothing.known", "memcached", "valkey", "amqp"])
def test_results_of_a_scheme_that_celery_does_not_have(scheme: str, redis_server: RedisServer) -> None:
    found = failure(f"{scheme}://ann:{ENCODED}@127.0.0.1:{redis_server.port}/0", results=True)
    assert found.name == "address"
    assert f"no result backend {scheme}" in found.detail


def test_results_have_options_of_their_own(redis_server: RedisServer) -> None:
    checks = look(f"{redis_server.url}?health_check_interval=30", results=True)
    assert not any(check.failed for check in checks)


# logging in


@pytest.fixture(scope="module")
def closed_redis() -> Iterator[RedisServer]:
    """Give a Redis that wants a password."""
    require(RedisServer)
    with RedisServer(settings={"requirepass": CANARY}) as server:
        yield server


@pytest.mark.parametrize(
    ("login", "database", "words"),
    [
        ("", "0", "wants a password"),
        (":wrong-canary@", "0", "login is refused"),
        (f"nobody:{ENCODED}@", "0", "login is refused"),
        (f":{ENCODED}@", "99", "no such database"),
        (f":{ENCODED}@", "shop", "no such database"),
    ],
)
def test_what_redis_refuses(closed_redis: RedisServer, login: str, database: str, words: str) -> None:
    found = failure(f"redis://{login}127.0.0.1:{closed_redis.port}/{database}")
    assert found.name == "login"
    assert words in found.detail


def test_redis_takes_the_right_password(closed_redis: RedisServer) -> None:
    checks = look(f"redis://:{ENCODED}@127.0.0.1:{closed_redis.port}/0")
    assert not any(check.failed for check in checks)
    assert "canary" not in "".join(check.detail for check in checks)


def _hash(password: str) -> str:
    """Give a password's hash as RabbitMQ keeps it (https://www.rabbitmq.com/docs/passwords)."""
    salt = b"salt"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


@pytest.fixture(scope="module")
def papers() -> Iterator[Papers]:
    """Give certificates in a folder that any user may read."""
    require_openssl()
    folder = Path(tempfile.mkdtemp(prefix="allotment-papers-"))
    yield make_papers(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def secured_rabbit(papers: Papers) -> Iterator[tuple[RabbitServer, int]]:
    """Give a RabbitMQ with users of its own, and the port on which it speaks TLS."""
    require(RabbitServer)
    permissions = {"ann": (".*", ".*", ".*"), "reader": ("^$", "^$", ".*")}
    definitions = {
        "users": [
            {
                "name": name,
                "password_hash": _hash(CANARY),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
            for name in permissions
        ],
        "vhosts": [{"name": "/"}, {"name": "other"}],
        "permissions": [
            {"user": name, "vhost": "/", "configure": configure, "write": write, "read": read}
            for name, (configure, write, read) in permissions.items()
        ],
    }
    path = papers.folder / "definitions.json"
    path.write_text(json.dumps(definitions))
    (port,) = free_ports(1)
    settings = {
        "load_definitions": str(path),
        "listeners.ssl.1": f"127.0.0.1:{port}",
        "ssl_options.cacertfile": papers.path("authority.pem"),
        "ssl_options.certfile": papers.path("good.pem"),
        "ssl_options.keyfile": papers.path("key.pem"),
        "ssl_options.verify": "verify_none",
    }
    with RabbitServer(settings=settings) as server:
        yield server, port


@pytest.mark.parametrize(
    ("login", "virtual_host", "step", "words"),
    [
        ("ann:wrong-canary", "/", "login", "login is refused"),
        (f"nobody:{ENCODED}", "/", "login", "login is refused"),
        (f"ann:{ENCODED}", "missing", "login", "no such virtual host"),
        (f"ann:{ENCODED}", "other", "login", "closed to this user"),
        (f"reader:{ENCODED}", "/", "round trip", "may not do that"),
    ],
)
def test_what_rabbitmq_refuses(
    secured_rabbit: tuple[RabbitServer, int], login: str, virtual_host: str, step: str, words: str
) -> None:
    found = failure(f"amqp://{login}@127.0.0.1:{secured_rabbit[0].port}/{virtual_host}")
    assert found.name == step
    assert words in found.detail


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("amqp://rabbit//", "guest in from its own machine only"),
        ("amqp://guest:guest@10.0.0.1//", "guest in from its own machine only"),
        ("amqp://ann:x@rabbit//", "user or the password is wrong"),
        ("amqp://guest:x@localhost//", "user or the password is wrong"),
    ],
)
def test_guest_is_told_of_where_it_comes_from_afar(url: str, words: str) -> None:
    refused = AccessRefused("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.")
    target = target_of(url)
    assert target is not None
    seen = Look(target, Surroundings(), QUICK)
    assert words in str(seen.failed("login", rabbitmq_steps._fault_of_login(seen, refused)).cause)


# a round trip that does not come round


def test_rabbitmq_short_of_memory_holds_back_who_sends() -> None:
    require(RabbitServer)
    with RabbitServer(settings={"vm_memory_high_watermark.absolute": "1MB"}) as server:
        found = failure(server.url)
    assert found.name == "round trip"
    assert "takes no messages" in found.detail
    assert "rabbitmq-diagnostics alarms" in str(found.remedy)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"maxmemory": "1kb"}, "memory is full"), ({"replicaof": "127.0.0.1 1"}, "takes no writing")],
)
def test_redis_that_takes_no_writing(settings: dict[str, str], words: str) -> None:
    require(RedisServer)
    with RedisServer(settings=settings) as server:
        found = failure(server.url)
    assert found.name == "round trip"
    assert words in found.detail


def test_redis_that_may_drop_messages_is_a_warning() -> None:
    require(RedisServer)
    with RedisServer(settings={"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}) as server:
        checks = look(server.url)
    assert named(checks, "eviction").status is Status.WARNING
    assert not any(check.failed for check in checks)


# TLS


@pytest.fixture(scope="module")
def tls_ports(papers: Papers) -> Iterator[dict[str, int]]:
    """Give the port of a Redis behind each certificate, and of one that wants a certificate of the client."""
    require(RedisServer)
    ports: dict[str, int] = {}
    servers: list[RedisServer] = []
    try:
        for name in ("good", "soon", "expired", "elsewhere", "lapsed", "closed"):
            (ports[name],) = free_ports(1)
            settings = {
                "tls-port": str(ports[name]),
                "tls-ca-cert-file": papers.path("authority.pem"),
                "tls-cert-file": papers.path(f"{'good' if name == 'closed' else name}.pem"),
                "tls-key-file": papers.path("key.pem"),
                "tls-auth-clients": "yes" if name == "closed" else "no",
                "requirepass": CANARY,
            }
            servers.append(RedisServer(settings=settings))
            servers[-1].start()
        yield ports
    finally:
        for server in servers:
            server.close()


def secure(port: int, papers: Papers | None = None, host: str = "127.0.0.1") -> str:
    """Give the address of a Redis with TLS; with the papers, of one whose certificate is checked."""
    url = f"rediss://:{ENCODED}@{host}:{port}/0"
    return url if papers is None else f"{url}?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={papers.path('authority.pem')}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_good_certificate(tls_ports: dict[str, int], papers: Papers, host: str) -> None:
    checks = look(secure(tls_ports["good"], papers, host))
    assert not any(check.failed for check in checks)
    found = named(checks, "TLS")
    assert found.status is Status.OK
    for words in ("TLSv1.3", "localhost, 127.0.0.1", "issued by Test authority", f"{GOOD_UNTIL:%Y-%m-%d}"):
        assert words in found.detail
    assert checks[-1].name == "round trip"


def test_a_certificate_that_ends_soon_is_a_warning(tls_ports: dict[str, int], papers: Papers) -> None:
    checks = look(secure(tls_ports["soon"], papers))
    assert named(checks, "TLS").status is Status.WARNING
    assert f"{SOON:%Y-%m-%d}" in named(checks, "TLS").detail
    assert checks[-1].name == "round trip"


@pytest.mark.parametrize(
    ("name", "words"),
    [("expired", ("has expired", f"{PAST:%Y-%m-%d}")), ("elsewhere", ("another name", "rabbit.example.org"))],
)
def test_a_certificate_that_is_checked_and_fails(
    tls_ports: dict[str, int], papers: Papers, name: str, words: tuple[str, ...]
) -> None:
    found = failure(secure(tls_ports[name], papers))
    assert found.name == "TLS"
    for word in words:
        assert word in found.detail


def test_another_name_that_nobody_looks_at_hides_nothing_else(tls_ports: dict[str, int], papers: Papers) -> None:
    def url(name: str) -> str:
        return secure(tls_ports[name], papers) + "&ssl_check_hostname=false"

    assert "has expired" in failure(url("lapsed")).detail
    tolerated = named(look(url("elsewhere")), "TLS")
    assert tolerated.status is Status.WARNING
    assert "another name" in tolerated.detail


def test_an_untrusted_certificate_is_a_failure_where_it_is_checked(tls_ports: dict[str, int]) -> None:
    found = failure(secure(tls_ports["good"]) + "?ssl_cert_reqs=CERT_REQUIRED")
    assert "not trusted" in found.detail
    assert "Test authority" in found.detail


@pytest.mark.parametrize("name", ["good", "expired", "elsewhere"])
def test_what_nobody_checks_is_a_warning_and_celery_connects(tls_ports: dict[str, int], name: str) -> None:
    checks = look(secure(tls_ports[name]))
    assert named(checks, "TLS").status is Status.WARNING
    assert "kombu checks nothing" in str(named(checks, "TLS").cause)
    assert checks[-1].name == "round trip"
    assert not checks[-1].failed


def test_a_server_that_wants_the_clients_certificate(tls_ports: dict[str, int], papers: Papers) -> None:
    found = failure(secure(tls_ports["closed"], papers))
    assert found.name == "TLS"
    assert "clients that show a certificate" in str(found.cause)
    shown = f"&ssl_certfile={papers.path('good.pem')}&ssl_keyfile={papers.path('key.pem')}"
    assert look(secure(tls_ports["closed"], papers) + shown)[-1].name == "round trip"


def test_a_file_of_authorities_that_is_not_there(tls_ports: dict[str, int]) -> None:
    found = failure(secure(tls_ports["good"]) + "?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=/surely/not/there.pem")
    assert "file for TLS" in found.detail


def test_tls_behind_a_plain_scheme(tls_ports: dict[str, int], secured_rabbit: tuple[RabbitServer, int]) -> None:
    for scheme, port in (("redis", tls_ports["good"]), ("amqp", secured_rabbit[1])):
        found = failure(f"{scheme}://:{ENCODED}@127.0.0.1:{port}")
        assert found.name == "protocol"
        assert "speaks TLS only" in found.detail
        assert f"{scheme}s://" in str(found.remedy)


def test_plain_behind_a_scheme_of_tls(redis_server: RedisServer, rabbitmq: RabbitServer) -> None:
    for scheme, port in (("redis", redis_server.port), ("amqp", rabbitmq.port)):
        found = failure(f"{scheme}s://127.0.0.1:{port}", timeout=QUICK)
        assert found.name == "TLS"
        assert "does not speak TLS" in found.detail
        assert f"write {scheme}://" in str(found.remedy)


def test_rabbitmq_behind_tls(secured_rabbit: tuple[RabbitServer, int], papers: Papers) -> None:
    url = f"amqps://ann:{ENCODED}@127.0.0.1:{secured_rabbit[1]}//"
    assert "not trusted" in failure(url).detail
    trusted = {"ca_certs": papers.path("authority.pem"), "cert_reqs": ssl.CERT_REQUIRED}
    for checks in (look(url, trusted), look(url.replace("amqps", "amqp"), trusted)):
        assert named(checks, "TLS").status is Status.OK
        assert checks[-1].name == "round trip"
        assert not checks[-1].failed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # kombu leaves its socket open then
def test_options_of_tls_in_the_address_of_rabbitmq_are_told_not_to_work(
    secured_rabbit: tuple[RabbitServer, int],
) -> None:
    url = f"amqps://ann:{ENCODED}@127.0.0.1:{secured_rabbit[1]}//?ssl_cert_reqs=CERT_NONE"
    with pytest.raises(TypeError):
        Connection(url).transport.establish_connection()
    gc.collect()
    assert "broker_use_ssl" in str(failure(url).remedy)


# certificates


@pytest.mark.parametrize(
    ("name", "names", "ends"),
    [
        ("good", ("localhost", "127.0.0.1"), GOOD_UNTIL),
        ("expired", ("localhost", "127.0.0.1"), PAST),
        ("elsewhere", ("rabbit.example.org",), GOOD_UNTIL),
        ("authority", ("Test authority",), None),
    ],
)
def test_a_certificate_is_read(papers: Papers, name: str, names: tuple[str, ...], ends: Any) -> None:
    found = read_certificate(ssl.PEM_cert_to_DER_cert((papers.folder / f"{name}.pem").read_text()))
    assert found.names == names
    assert found.issuer == "Test authority"
    assert ends is None or found.ends == ends


@pytest.mark.parametrize("encoded", [b"", b"\x30", b"\x30\x03\x02\x01\x05", b"no certificate at all"])
def test_what_is_no_certificate_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        read_certificate(encoded)
