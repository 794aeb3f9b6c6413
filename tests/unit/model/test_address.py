"""Addresses: where they lead, and that what is shown of them holds no password."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.model.address import Address, host_and_port, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://broker.example:6379/0", "redis://broker.example:6379/0"),
        ("redis://:canary@broker.example:6379/0", "redis://broker.example:6379/0"),
        ("amqps://shop:canary@rabbit.example//", "amqps://rabbit.example//"),
        ("redis://u:can@ary@host/0", "redis://host/0"),
        ("rediss://host/0?password=canary&ssl_cert_reqs=none", "rediss://host/0?password=***&ssl_cert_reqs=none"),
        ("redis://host/0?db=1&token=canary", "redis://host/0?db=1&token=***"),
        ("amqp://a:canary@one//;amqp://b:canary@two//", "amqp://one//;amqp://two//"),
        ("embedded", "embedded"),
        ("none", "none"),
    ],
)
def test_what_is_shown_has_no_user_and_no_secret(url: str, shown: str) -> None:
    assert Address(url).shown == shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://:can/ary@host:6379/0",
        "redis://user:canary/x@host:6379/0",
        "redis://user:can;ary@host/0",
        "redis://user:canary;x@host/0",
        "redis://user:can?ary@host/0",
        "redis://user:can#ary@host/0",
        "rediss://host:6380?password=canary",
        "amqp://host?PASSWORD=canary&heartbeat=5",
        "user:canary@host:5672",
        "//user:canary@host",
        "redis:/user:canary@host",
    ],
)
def test_a_password_stays_hidden_in_an_address_that_is_written_badly(url: str) -> None:
    shown = without_secrets(url)
    assert "canary" not in shown
    assert "ary@" not in shown
    assert "can;" not in shown
    assert "can/" not in shown


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.text(alphabet=string.ascii_letters + string.digits + "-._~%!$&'()*+,=:@", min_size=8, max_size=20),
    st.sampled_from(["redis", "amqp", "db+postgresql", "mongodb"]),
)
def test_no_password_of_characters_a_url_allows_is_shown(password: str, scheme: str) -> None:
    shown = without_secrets(f"{scheme}://user:{password}@host:6379/0")
    assert shown == f"{scheme}://host:6379/0"


def test_the_representation_holds_neither_the_value_nor_what_the_file_wrote_of_a_secret() -> None:
    address = Address("redis://:canary@host/0", "redis://:canary@${HOST}/0")
    assert "canary" not in repr(address)
    assert "canary" not in repr(Address("redis://:canary@host/0", "${URL:-redis://:canary@host/0}"))
    assert "canary" not in repr(Address("redis://:canary@host/0"))


@pytest.mark.parametrize(
    ("value", "scheme", "embedded", "speaks_redis"),
    [
        ("embedded", "embedded", True, True),
        ("redis://h", "redis", False, True),
        ("rediss://h", "rediss", False, True),
        ("valkey://h", "valkey", False, True),
        ("redis+socket:///run/x.sock", "redis+socket", False, True),
        ("amqp://h", "amqp", False, False),
        ("none", "none", False, False),
    ],
)
def test_what_kind_of_server_it_is(value: str, scheme: str, embedded: bool, speaks_redis: bool) -> None:
    address = Address(value)
    assert (address.scheme, address.embedded, address.speaks_redis) == (scheme, embedded, speaks_redis)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://broker.example", ("broker.example", 6379)),
        ("redis://:canary@broker.example:7000/0", ("broker.example", 7000)),
        ("amqp://guest:guest@rabbit//", ("rabbit", 5672)),
        ("amqps://rabbit", ("rabbit", 5671)),
        ("amqp://", ("localhost", 5672)),
        ("amqp://one:1//;amqp://two:2//", ("one", 1)),
        ("redis://[::1]:6379/0", ("::1", 6379)),
        ("redis+socket:///run/x.sock", None),
        ("embedded", None),
        ("db+sqlite:///x.db", None),
    ],
)
def test_the_host_and_port_of_an_address(url: str, place: tuple[str, int] | None) -> None:
    assert host_and_port(url) == place
