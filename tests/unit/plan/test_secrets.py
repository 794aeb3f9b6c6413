"""A password in an address is in nothing that is shown of a plan."""

from collections.abc import Callable
from pathlib import Path

import pytest

from allotment.cli.views.plan import document
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.profile import Profile
from allotment.model.task import KnownTask
from allotment.plan.celeryconfig import celeryconfig
from allotment.plan.commands import commands
from allotment.plan.explain import explain
from allotment.plan.mermaid import mermaid
from allotment.plan.page import markdown
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.proof import prove
from allotment.source.fleet_file import read_fleet_file

FORMS: dict[str, Callable[[Plan], object]] = {
    "mermaid": mermaid,
    "commands": commands,
    "celeryconfig": celeryconfig,
    "markdown": markdown,
    "json": document,
    "representation": repr,
    "model": lambda plan: repr(plan.model),
    "explanation": lambda plan: explain(plan, "mail.send"),
    "proof": prove,
}

WRITTEN = {
    "in the file": "redis://:canary@h/0",
    "with a user": "amqp://user:canary@h//",
    "as a default": "${NOT_SET:-redis://:canary@h/0}",
    "in the environment": "${URL}",
    "partly in the environment": "redis://:canary@${HOST}/0",
    "the password from the environment": "redis://:${PASSWORD}@h/0",
    "in the query": "redis://h/0?password=canary",
    "in the query without a path": "rediss://h?password=canary",
    "with an encoded slash": "redis://:canary%2Fx@h/0",
    "two brokers": "amqp://a:canary@one//;amqp://b:canary@two//",
}

ENVIRONMENT = {"URL": "redis://u:canary@h:6379/0", "HOST": "h", "PASSWORD": "canary"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("written", WRITTEN.values(), ids=list(WRITTEN))
def test_the_password_is_not_shown(form: str, written: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    one = written.partition(";")[0]
    path.write_text(f"broker: {written}\nresults: {one}\nprofiles: {{mail: {{queues: [mail]}}}}\n")
    model = read_fleet_file(path, ENVIRONMENT).model
    assert model.broker is not None
    assert "canary" in model.broker.value, "the test is of no use otherwise"
    assert_hidden(form, model)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value", ["redis://:canary/x@h/0", "redis://:canary;x@h/0", "rediss://h?password=canary", "user:canary@h"]
)
def test_the_password_of_an_address_that_no_file_may_have_is_not_shown_either(form: str, value: str) -> None:
    address = Address(value)
    profiles = {"mail": Profile("mail", ("mail",))}
    assert_hidden(form, FleetModel(profiles, broker=address, results=address))


def assert_hidden(form: str, model: FleetModel) -> None:
    shown = str(FORMS[form](compile_plan(model, [KnownTask("mail.send")])))
    assert "mail" in shown or form == "proof"
    assert "canary" not in shown
