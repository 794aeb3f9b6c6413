"""Errors become faults, faults become a cause and something to try."""

import errno
import socket
import ssl
import string

import pytest

from allotment.local.diagnosis.causes import _TABLE, explained
from allotment.local.diagnosis.faults import Fault, fault_of
from allotment.local.diagnosis.surroundings import Container, Surroundings
from allotment.local.diagnosis.target import Target, target_of

CANARY = "s3cr3t-canary"
HERE = Surroundings()
BOXED = {kind: Surroundings(kind, "a sign") for kind in Container}


def target(url: str = "amqp://rabbit:5672//") -> Target:
    found = target_of(url)
    assert found is not None
    return found


def expired() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = 10
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (socket.gaierror(-2, "Name or service not known"), Fault.NO_HOST),
        (TimeoutError("timed out"), Fault.TIMEOUT),
        (ConnectionRefusedError(111, "Connection refused"), Fault.REFUSED),
        (ConnectionResetError(104, "Connection reset by peer"), Fault.CLOSED),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Fault.NO_ROUTE),
        (FileNotFoundError(2, "No such file or directory"), Fault.NO_SOCKET),
        (PermissionError(13, "Permission denied"), Fault.SOCKET_FORBIDDEN),
        (expired(), Fault.EXPIRED),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), Fault.PLAIN_SERVER),
        (Exception("Error 111 connecting to h:6379. Connection refused."), Fault.REFUSED),
        (Exception("Timeout connecting to server"), Fault.TIMEOUT),
        (Exception("Error -2 connecting to h:1. Name or service not known."), Fault.NO_HOST),
        (Exception("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN."), Fault.LOGIN_REFUSED),
        (Exception("NOT_ALLOWED - vhost shop not found"), Fault.NO_VIRTUAL_HOST),
        (Exception("NOT_ALLOWED - access to vhost 'shop' refused for user 'ann'"), Fault.VIRTUAL_HOST_FORBIDDEN),
        (Exception("ACCESS_REFUSED - configure access to queue 'q' refused for user 'ann'"), Fault.NOT_PERMITTED),
        (Exception("DB index is out of range"), Fault.NO_DATABASE),
        (Exception("invalid username-password pair or user is disabled."), Fault.LOGIN_REFUSED),
        (Exception("Authentication required."), Fault.LOGIN_NEEDED),
        (Exception("You can't write against a read only replica."), Fault.READ_ONLY),
        (Exception("unknown command 'HELLO', with args beginning with: '3'"), Fault.TOO_OLD),
        (KeyError("No such transport: http"), Fault.NO_TRANSPORT),
        (ValueError("Invalid transport scheme: 'a.b'"), Fault.NO_TRANSPORT),
        (ModuleNotFoundError("No module named 'boto3'"), Fault.NOT_INSTALLED),
        (TypeError("f() got an unexpected keyword argument 'foo'"), Fault.BAD_OPTION),
        (Exception("something that nobody has seen"), Fault.UNKNOWN),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
def test_an_error_is_one_of_the_known_faults(error: BaseException, fault: Fault) -> None:
    assert fault_of(error) is fault


def test_what_caused_an_error_counts() -> None:
    error = RuntimeError("could not connect")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert fault_of(error) is Fault.REFUSED


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("around", [HERE, *BOXED.values()], ids=lambda around: around.container or "no container")
@pytest.mark.parametrize(
    "url", ["amqp://ann:{}@rabbit//", "rediss://:{}@localhost/0", "redis+socket://:{}@/run/v.sock"]
)
def test_every_fault_has_words_for_every_place_and_none_of_them_secret(
    fault: Fault, around: Surroundings, url: str
) -> None:
    error = RuntimeError(f"it broke at {url.format(CANARY)} with {CANARY}")
    told = explained(fault, target(url.format(CANARY)), around, error)
    for text in (told.detail, told.cause, told.remedy):
        assert text
        assert "{" not in text
        assert CANARY not in text


def test_the_table_has_every_fault() -> None:
    assert set(_TABLE) == set(Fault)
    known = {"host", "port", "path", "place", "family", "scheme", "encrypted_scheme", "login_command", "grant"}
    known |= {"reason", "authority_option", "own_scheme", "option"}
    used = {
        name
        for told in _TABLE.values()
        for text in (told.detail, told.cause, told.remedy)
        for _, name, _, _ in string.Formatter().parse(text)
        if name
    }
    assert used == known


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (Container.DOCKER, "host.docker.internal:host-gateway"),
        (Container.PODMAN, "host.containers.internal"),
        (Container.KUBERNETES, "Service"),
        (Container.OTHER, "the host"),
    ],
)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "127.0.1.1"])
def test_localhost_in_a_container_is_told_to_be_the_container(host: str, container: Container, words: str) -> None:
    told = explained(Fault.REFUSED, target(f"amqp://{host}//"), BOXED[container])
    assert "container itself" in told.cause
    assert "a sign" in told.cause
    assert words in told.remedy


def test_localhost_outside_a_container_and_another_host_inside_are_not() -> None:
    for url, around in (("amqp://localhost//", HERE), ("amqp://rabbit//", BOXED[Container.DOCKER])):
        told = explained(Fault.REFUSED, target(url), around)
        assert "container" not in told.cause
        assert "start the broker" in told.remedy


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.TIMEOUT])
def test_a_broker_that_keeps_to_the_hosts_own_127_0_0_1_is_a_cause(fault: Fault) -> None:
    told = explained(fault, target("amqp://host.docker.internal//"), BOXED[Container.DOCKER])
    assert "127.0.0.1" in told.cause
    assert "0.0.0.0" in told.remedy


def test_the_hosts_name_must_be_given_to_a_container_on_linux() -> None:
    told = explained(Fault.NO_HOST, target("amqp://host.docker.internal//"), BOXED[Container.DOCKER])
    assert "--add-host" in told.remedy
    assert "localhost" in explained(Fault.NO_HOST, target("amqp://host.docker.internal//"), HERE).remedy
