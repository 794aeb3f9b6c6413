"""The broker's address from variables."""

import pytest
from kombu.utils.url import parse_url

from allotment.errors import VariableInvalid
from allotment.source.broker_environment import broker_from_environment

CANARY = "s3cr3t-canary"


@pytest.mark.parametrize("environment", [{}, {"BROKER_URL": ""}, {"RABBITMQ_HOST": "", "RABBITMQ_USER": "shop"}])
def test_no_variable_names_no_broker(environment: dict[str, str]) -> None:
    assert broker_from_environment(environment) is None


@pytest.mark.parametrize("url", ["redis://cache:6379/0", "amqp://one//;amqp://two//", "embedded"])
def test_broker_url_is_taken_as_it_is_and_goes_first(url: str) -> None:
    assert broker_from_environment({"BROKER_URL": url, "RABBITMQ_HOST": "rabbit"}) == url


def test_an_empty_broker_url_counts_as_not_set() -> None:
    assert broker_from_environment({"BROKER_URL": "", "RABBITMQ_HOST": "rabbit"}) == "amqp://rabbit:5672/%2F"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"hostname": "rabbit", "port": 5672, "userid": None, "password": None, "virtual_host": "/"}),
        ({"RABBITMQ_PORT": "25672"}, {"port": 25672}),
        ({"RABBITMQ_USER": "shop", "RABBITMQ_PASSWORD": "p"}, {"userid": "shop", "password": "p"}),
        ({"RABBITMQ_USER": "a@b/c", "RABBITMQ_PASSWORD": "x:y@z/%?#"}, {"userid": "a@b/c", "password": "x:y@z/%?#"}),
        ({"RABBITMQ_PASSWORD": "p"}, {"userid": "guest", "password": "p"}),
        ({"RABBITMQ_VHOST": "shop"}, {"virtual_host": "shop"}),
        ({"RABBITMQ_VHOST": "a/b c"}, {"virtual_host": "a/b c"}),
        ({"RABBITMQ_VHOST": "/"}, {"virtual_host": "/"}),
        ({"RABBITMQ_HOST": "fd00::1"}, {"hostname": "fd00::1", "port": 5672}),
        ({"RABBITMQ_HOST": "[fd00::1]"}, {"hostname": "fd00::1", "port": 5672}),
    ],
)
def test_kombu_reads_from_the_url_what_the_variables_say(more: dict[str, str], expected: dict[str, object]) -> None:
    url = broker_from_environment({"RABBITMQ_HOST": "rabbit", **more})
    assert url is not None
    read = parse_url(url)
    assert read["transport"] == "amqp"
    assert {key: read[key] for key in expected} == expected


@pytest.mark.parametrize("port", ["0", "65536", "5672 ", "-1", "amqp", "٥٦٧٢", "1" * 5000])
def test_a_bad_port_names_its_variable(port: str) -> None:
    with pytest.raises(VariableInvalid, match="RABBITMQ_PORT"):
        broker_from_environment({"RABBITMQ_HOST": "rabbit", "RABBITMQ_PORT": port})


def test_the_port_that_kubernetes_sets_for_a_service_is_told_as_such() -> None:
    with pytest.raises(VariableInvalid, match="enableServiceLinks"):
        broker_from_environment({"RABBITMQ_HOST": "rabbit", "RABBITMQ_PORT": "tcp://10.96.0.12:5672"})


@pytest.mark.parametrize("host", ["amqp://rabbit", "rabbit:5672", "rab bit", "rabbit/", "shop@rabbit", "fd00::zz"])
def test_a_bad_host_names_its_variable(host: str) -> None:
    with pytest.raises(VariableInvalid, match="RABBITMQ_HOST"):
        broker_from_environment({"RABBITMQ_HOST": host})


@pytest.mark.parametrize("url", ["rabbit", f"amqp://shop:{CANARY} @rabbit//", f"amqp://shop:{CANARY}@rabbit:port//"])
def test_a_bad_url_names_its_variable_and_repeats_no_secret(url: str) -> None:
    with pytest.raises(VariableInvalid, match="BROKER_URL") as caught:
        broker_from_environment({"BROKER_URL": url})
    assert CANARY not in str(caught.value)
