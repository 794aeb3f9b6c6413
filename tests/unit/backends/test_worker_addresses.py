"""Where a worker is led: by the file, else by the environment, else by the app; no secret in an error."""

from pathlib import Path

import pytest

from allotment.backends.addresses import Addresses, led_by_app, with_addresses
from allotment.errors import SettingsOverridden, VariableInvalid
from allotment.source.fleet_file import FleetFile, read_fleet_file

PROFILES = "profiles: {one: {tasks: [a], queues: [work]}}\n"
CANARY = "s3cr3t-canary"


def fleet(tmp_path: Path, text: str = "", **environment: str) -> FleetFile:
    path = tmp_path / "fleet.yaml"
    path.write_text(text + PROFILES)
    return read_fleet_file(path, environment)


def test_the_environment_names_what_the_file_does_not(tmp_path: Path) -> None:
    given = {"BROKER_URL": "amqp://rabbit//", "RESULT_URL": "redis://cache/1"}
    model = with_addresses(fleet(tmp_path), given).model
    assert (model.broker and model.broker.value, model.results and model.results.value) == tuple(given.values())


def test_the_file_holds_where_the_environment_says_the_same_or_nothing(tmp_path: Path) -> None:
    broker = "redis://cache/0"
    for environment in ({}, {"BROKER_URL": broker}):
        file = fleet(tmp_path, "broker: ${BROKER_URL:-redis://cache/0}\n", **environment)
        model = with_addresses(file, environment).model
        assert model.broker is not None
        assert model.broker.value == broker


def test_another_address_in_the_environment_is_an_error_without_its_password(tmp_path: Path) -> None:
    file = fleet(tmp_path, f"broker: redis://user:{CANARY}@cache/0\n")
    with pytest.raises(SettingsOverridden) as caught:
        with_addresses(file, {"BROKER_URL": f"amqp://user:{CANARY}@rabbit//"})
    assert "amqp://rabbit//" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_an_app_named_beside_a_file_keeps_its_own_broker(tmp_path: Path) -> None:
    assert led_by_app(fleet(tmp_path)).model.broker is None
    said = led_by_app(fleet(tmp_path, "broker: redis://cache/0\n")).model.broker
    assert said is not None
    assert said.value == "redis://cache/0"


@pytest.mark.parametrize("url", [f"//{CANARY}", f"redis//user:{CANARY}@x", f"redis://x {CANARY}"])
def test_an_address_that_is_none_is_named_by_its_variable_alone(url: str) -> None:
    with pytest.raises(VariableInvalid, match="RESULT_URL") as caught:
        Addresses.of({"RESULT_URL": url})
    assert CANARY not in str(caught.value)
