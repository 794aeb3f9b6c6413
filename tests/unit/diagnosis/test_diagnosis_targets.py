"""What a URL leads to, and what is asked of TLS there."""

import ssl

import pytest

from allotment.local.diagnosis.faults import Fault
from allotment.local.diagnosis.target import Family, Target, target_of
from allotment.local.diagnosis.tls_options import asks_in_url, tls_options

AMQP, REDIS, OTHER = Family.AMQP, Family.REDIS, Family.OTHER


def target(url: str) -> Target:
    found = target_of(url)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("url", "family", "encrypted", "host", "port"),
    [
        ("amqp://", AMQP, False, "localhost", 5672),
        ("pyamqp://rabbit:1//", AMQP, False, "rabbit", 1),
        ("amqps://u:p@rabbit/shop", AMQP, True, "rabbit", 5671),
        ("redis://[::1]:7/0", REDIS, False, "::1", 7),
        ("rediss://cache", REDIS, True, "cache", 6379),
        ("valkeys://cache", REDIS, True, "cache", 6379),
        ("db+postgresql://u:p@db/x", OTHER, False, "db", 5432),
        ("db+mysql+pymysql://db:9/x", OTHER, False, "db", 9),
        ("db+sqlite:///results.db", OTHER, False, None, None),
        ("file:///tmp/results", OTHER, False, None, None),
    ],
)
def test_a_url_leads_somewhere(url: str, family: Family, encrypted: bool, host: str | None, port: int | None) -> None:
    found = target(url)
    assert (found.family, found.encrypted, found.host, found.port) == (family, encrypted, host, port)


@pytest.mark.parametrize("url", ["redis+socket:///run/v.sock", "redis+socket://%2Frun%2Fv.sock?virtual_host=1"])
def test_a_socket_has_a_path_and_no_host(url: str) -> None:
    assert (target(url).socket_path, target(url).host) == ("/run/v.sock", None)


@pytest.mark.parametrize("url", ["rabbit", "amqp://u:pa/ss@h//", "redis://h:port/0", ""])
def test_what_is_no_url_leads_nowhere(url: str) -> None:
    assert target_of(url) is None


def test_text_loses_the_password_in_either_form() -> None:
    found = target("amqp://ann:a%40b%2Fc@rabbit//")
    assert (
        found.hide("tried a@b/c and a%40b%2Fc at amqp://ann:a%40b%2Fc@rabbit//")
        == "tried *** and *** at amqp://rabbit//"
    )


def test_amqp_checks_who_issued_a_certificate_and_not_for_whom() -> None:
    options = tls_options(target("amqps://rabbit//"))
    assert options.heeds(Fault.UNTRUSTED)
    assert options.heeds(Fault.EXPIRED)
    assert not options.heeds(Fault.OTHER_NAME)


def test_amqp_checks_the_name_it_is_told_and_nothing_where_it_is_told_so() -> None:
    assert tls_options(target("amqps://rabbit//"), {"server_hostname": None}).heeds(Fault.OTHER_NAME)
    lenient = tls_options(target("amqps://rabbit//"), {"cert_reqs": ssl.CERT_NONE, "server_hostname": "rabbit"})
    assert not lenient.heeds(Fault.UNTRUSTED)
    assert not lenient.heeds(Fault.OTHER_NAME)


@pytest.mark.parametrize(
    ("query", "untrusted", "other_name"),
    [
        ("", False, False),
        ("?ssl_cert_reqs=CERT_REQUIRED", True, True),
        ("?ssl_cert_reqs=required&ssl_check_hostname=false", True, False),
        ("?ssl_cert_reqs=CERT_NONE", False, False),
        ("?ssl_ca_certs=/ca.pem", True, True),
    ],
)
def test_redis_checks_what_its_address_says(query: str, untrusted: bool, other_name: bool) -> None:
    options = tls_options(target(f"rediss://cache/0{query}"))
    assert (options.heeds(Fault.UNTRUSTED), options.heeds(Fault.OTHER_NAME)) == (untrusted, other_name)
    assert options.lenience


def test_redis_takes_files_from_the_setting() -> None:
    options = tls_options(target("rediss://cache/0"), {"ssl_ca_certs": "/ca.pem", "ssl_certfile": "/c.pem"})
    assert (options.authorities, options.certificate, options.key) == ("/ca.pem", "/c.pem", None)


def test_options_in_the_address_are_seen() -> None:
    assert asks_in_url(target("amqps://rabbit//?ssl_ca_certs=/ca.pem"))
    assert not asks_in_url(target("amqps://rabbit//?heartbeat=10"))
