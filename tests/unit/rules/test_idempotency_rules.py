"""The rules about `idempotent:`: what they find, where, and what not."""

from pathlib import Path

import pytest

from allotment.model.inventory import Inventory
from allotment.model.task import KnownTask
from allotment.plan.plan import compile_plan
from allotment.plan.proof import prove
from allotment.rules.registry import rule_named
from allotment.rules.running import Found, run_rules
from allotment.rules.subject import Subject
from allotment.source.fleet_file import read_fleet_file

PROFILES = "profiles: {work: {queues: [work]}}\n"


def found(folder: Path, rule: str, text: str, *tasks: KnownTask) -> list[Found]:
    path = folder / "fleet.yaml"
    path.write_text(text + PROFILES)
    file = read_fleet_file(path, {})
    plan = compile_plan(file.model, Inventory.from_json(Inventory(tasks, {}, {}).to_json()).tasks)
    return list(run_rules([rule_named(rule)], Subject(file.document, plan, prove(plan))).found)


CHARGE = KnownTask("shop.charge", parameters=("order", "amount"))
SHIP = KnownTask("shop.ship", parameters=("orders", "id"))
ANY = KnownTask("shop.any")


def entry(key: str, name: str = "shop.*") -> str:
    return f"app: shop:app\nbroker: embedded\ntasks:\n  {name}: {{queue: work, idempotent: {{key: {key}}}}}\n"


def test_each_task_of_a_pattern_is_looked_at(tmp_path: Path) -> None:
    text = entry("order")
    findings = found(tmp_path, "unknown-key-parameter", text, CHARGE, SHIP, ANY)
    assert [one.finding.message for one in findings] == [
        "the key names the parameter 'order', which 'shop.ship' does not have: no worker that registers it starts"
    ]
    assert findings[0].finding.remedy == "did you mean 'orders'?"
    assert [(where.line, where.column) for where in findings[0].places] == [
        (4, text.splitlines()[3].index("order}") + 1)
    ]


def test_one_of_several_names_is_enough(tmp_path: Path) -> None:
    findings = found(tmp_path, "unknown-key-parameter", entry("[order, amont]"), CHARGE)
    assert "'amont'" in findings[0].finding.message
    assert found(tmp_path, "unknown-key-parameter", entry("[order, amount]"), CHARGE) == []


def test_the_task_s_id_and_a_parameter_of_that_name_are_told_apart(tmp_path: Path) -> None:
    assert found(tmp_path, "unknown-key-parameter", entry("id"), CHARGE, ANY) == []
    assert found(tmp_path, "unknown-key-parameter", entry("[id]"), SHIP) == []
    [finding] = found(tmp_path, "unknown-key-parameter", entry("id"), SHIP)
    assert "key: [id]" in finding.finding.remedy


def test_the_short_form_has_its_place_too(tmp_path: Path) -> None:
    text = "app: shop:app\nbroker: embedded\ntasks: {shop.charge: {queue: work, idempotent: ordr}}\n"
    [finding] = found(tmp_path, "unknown-key-parameter", text, CHARGE)
    assert [(where.line, where.column) for where in finding.places] == [(3, text.splitlines()[2].index("ordr") + 1)]


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ("broker: amqp://rabbit//\n", "results go to the caller alone"),
        ("broker: amqps://rabbit//\nresults: rpc://\n", "results go to the caller alone"),
        ("broker: amqp://rabbit//\nresults: none\n", "no results are kept"),
        ("broker: amqp://rabbit//\nresults: db+sqlite:///results.db\n", "results are in no Redis"),
        ("broker: amqp://rabbit//\nresults: redis://redis/0\n", None),
        ("broker: amqp://rabbit//\nresults: embedded\n", None),
        ("broker: valkey://redis/0\nresults: none\n", None),
        ("broker: embedded\n", None),
        ("app: shop:app\n", None),
    ],
)
def test_a_store_is_missed_where_there_can_be_none(tmp_path: Path, addresses: str, words: str | None) -> None:
    text = addresses + "tasks: {shop.charge: {queue: work, idempotent: order}}\n"
    findings = found(tmp_path, "idempotent-without-store", text, CHARGE)
    assert [words in one.finding.message for one in findings if words] == ([True] if words else [])
    assert len(findings) == (words is not None)
    without = addresses + "tasks: {shop.charge: {queue: work}}\n"
    assert found(tmp_path, "idempotent-without-store", without, CHARGE) == []
