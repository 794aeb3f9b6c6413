"""`allot contracts`, as a team uses it between two versions of its contracts."""

import json
import sys
from pathlib import Path

import pytest
from acceptance.conftest import allot

from allotment.local.contracts import read_source

OLD = '''
import sys
from dataclasses import dataclass

from allotment import TaskContract, contract

print("printed while it is imported")


@dataclass
class Place:
    street: str


@contract(name="shop.add", queue="sums")
def add(left: int, right: int) -> int:
    """Add two numbers.

    Both are whole.
    """


@contract(name="shop.ship")
def ship(order: int, to: Place) -> bool:
    """Send it."""


@contract(name="shop.gone")
def gone() -> None:
    """Nobody calls it any more."""


class Say(TaskContract):
    """Say words."""

    name = "shop.say"
    queue = "voice"

    def run(self, words: list[str], /, *more: str, **others: str) -> str: ...
'''
NEW = (
    OLD.replace("right: int)", "right: int, scale: float = 1.0)")
    .replace("street: str", "street: str\n    town: str")
    .replace("shop.gone", "shop.new")
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a package of contracts."""
    write_package(tmp_path, OLD)
    return tmp_path


def write_package(folder: Path, text: str) -> None:
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "contracts.py").write_text(text)
    (folder / "shop" / "__main__.py").write_text("raise SystemExit('it was run')")


def changes_of(done):
    return {one["name"]: one for one in done.document["contracts"]}


def test_a_package_is_listed_with_all_that_is_within_it(shop):
    done = allot("contracts", "list", "-m", "shop", folder=shop)
    assert done.code == 0, done.err
    assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [
        ["shop.add", "sums"],
        ["shop.gone", "shop.gone"],
        ["shop.say", "voice"],
        ["shop.ship", "shop.ship"],
    ]
    assert "(left: int, right: int) -> int" in done.out
    assert "(words: list[str], /, *more: str, **others: str) -> str" in done.out
    assert "shop.contracts:add" in done.out
    assert "printed" not in done.out


@pytest.mark.parametrize("source", ["shop.contracts", "./shop", "shop/contracts.py", "shop/__init__.py"])
def test_a_source_may_be_a_module_or_a_path(shop, source):
    names = [
        one["name"] for one in allot("contracts", "list", "-m", source, "--json", folder=shop).document["contracts"]
    ]
    # the path of __init__.py is that of its package
    assert names == ["shop.add", "shop.gone", "shop.say", "shop.ship"]


def test_one_contract_is_shown_with_the_schemas_of_its_types(shop):
    done = allot("contracts", "show", "shop.ship", "-m", "shop", folder=shop)
    assert done.code == 0
    assert done.out.startswith("shop.ship(order: int, to: ")
    assert '"$ref": "#/$defs/Place"' in done.out
    assert '{"street": {"type": "string"}}' in done.out
    document = allot("contracts", "show", "shop.add", "-m", "shop", "--json", folder=shop).document
    assert document["about"] == "Add two numbers.\n\nBoth are whole."
    assert [(one["name"], one["type"], one["required"]) for one in document["parameters"]] == [
        ("left", "int", True),
        ("right", "int", True),
    ]
    assert document["result"] == {"type": "int", "schema": {"type": "integer"}}


def test_a_snapshot_is_as_good_as_the_modules_it_was_made_of(shop):
    listed = allot("contracts", "list", "-m", "shop", "--json", folder=shop)
    (shop / "contracts.json").write_text(listed.out)
    assert allot("contracts", "list", "-m", "contracts.json", "--json", folder=shop).document == listed.document
    same = allot("contracts", "diff", "contracts.json", "shop", folder=shop)
    assert (same.code, same.out.splitlines()[-1]) == (0, "4 same: compatible")


def test_what_becomes_of_calls_is_told_in_both_directions(shop, tmp_path):
    write_package(tmp_path / "next", NEW)
    text = allot("contracts", "diff", "shop", "next/shop", folder=shop)
    assert text.code == 1
    assert "shop.add  changed, depends" in text.out
    assert "scale: only the worker has it, with a default" in text.out
    assert "to: the worker needs the field 'town', which the producer does not have" in text.out
    assert text.out.splitlines()[-1] == "1 added, 1 removed, 2 changed, 1 same: breaking"

    done = allot("contracts", "diff", "shop", "next/shop", "--json", folder=shop)
    assert (done.code, done.document["verdict"]) == (1, "breaking")
    found = changes_of(done)
    assert {name: (one["change"], one["verdict"]) for name, one in found.items()} == {
        "shop.add": ("changed", "depends"),
        "shop.gone": ("removed", "breaking"),
        "shop.new": ("added", "compatible"),
        "shop.say": ("same", "compatible"),
        "shop.ship": ("changed", "breaking"),
    }
    assert found["shop.add"]["old_producer_new_worker"]["verdict"] == "compatible"
    assert found["shop.add"]["new_producer_old_worker"]["not_to_be_given"] == ["scale"]


def test_a_change_that_depends_on_the_call_is_no_failure(shop, tmp_path):
    write_package(tmp_path / "next", OLD.replace("right: int)", "right: int = 0)").replace('"voice"', '"voices"'))
    done = allot("contracts", "diff", "shop", "next/shop", "--json", folder=shop)
    found = changes_of(done)
    # an old worker needs `right`, which a new producer may leave out
    assert (done.code, found["shop.add"]["verdict"]) == (1, "breaking")
    assert found["shop.say"]["verdict"] == "depends"
    write_package(tmp_path / "after", OLD.replace('"voice"', '"voices"'))
    moved = allot("contracts", "diff", "shop", "after/shop", folder=shop)
    assert moved.code == 0
    assert "workers that consume only one of the two" in moved.out


def test_without_a_source_the_fleets_app_says_which_contracts_there_are(shop):
    (shop / "work.py").write_text(
        "from celery import Celery\n"
        "from allotment import implements\n"
        "from shop.contracts import add\n"
        "app = Celery('work', include=['more', 'broken'])\n"
        "@implements(add)\n"
        "def adding(left: int, right: int) -> int:\n"
        "    return left + right\n"
    )
    (shop / "more.py").write_text(
        "from allotment import contract, implements\n"
        "@contract(name='work.more')\n"
        "def more() -> None: ...\n"
        "@implements(more)\n"
        "def doing() -> None: ...\n"
    )
    (shop / "broken.py").write_text("import nothing_of_this_name\n")
    (shop / "fleet.yaml").write_text(
        "app: work:app\nbroker: embedded\nprofiles:\n  all: {tasks: ['*'], queues: [sums], time_limit: 1m}\n"
    )
    done = allot("contracts", "list", "--json", folder=shop)
    assert done.code == 0, done.err
    assert {"shop.add", "work.more"} <= {one["name"] for one in done.document["contracts"]}
    assert "broken cannot be imported here" in done.err


def test_what_modules_print_disturbs_nothing_even_as_they_end(shop):
    (shop / "shop" / "talks.py").write_text(
        "import atexit, os, sys\n"
        "for out in (sys.stdout, sys.stderr):\n"
        "    print('{', file=out)\n"
        "    atexit.register(lambda out=out: print('}', file=out))\n"
        "atexit.register(os._exit, 3)\n"
    )
    done = allot("contracts", "list", "-m", "shop", folder=shop)
    assert (done.code, done.err) == (0, "")
    assert "shop.add" in done.out


def test_a_file_with_the_name_of_a_library_module_is_not_taken_for_it(shop, monkeypatch):
    (shop / "types.py").write_text("raise RuntimeError('not these types')\n")
    monkeypatch.chdir(shop)  # as of the installed command: its own process has this folder not on its path
    assert len(read_source("shop", shop)) == 4


def test_folders_within_a_package_need_no_init(shop):
    (shop / "shop" / "inner" / "deep").mkdir(parents=True)
    (shop / "shop" / "texts").mkdir()
    (shop / "shop" / "inner" / "deep" / "one.py").write_text(
        "from allotment import contract\n@contract(name='deep.one')\ndef one() -> None: ...\n"
    )
    for source in ("shop", "shop.inner", "./shop"):
        assert "shop.inner.deep.one:one" in allot("contracts", "list", "-m", source, folder=shop).out


def test_a_result_may_get_fields_and_a_bound_counts_that_json_schema_has_no_word_for(tmp_path):
    text = (
        "from decimal import Decimal\nfrom typing import Annotated\n"
        "from pydantic import BaseModel, Field\nfrom allotment import contract\n"
        "class Bill(BaseModel):\n    total: Decimal\n"
        "@contract(name='shop.bill')\ndef bill(price: Annotated[Decimal, Field(ge=0)]) -> Bill: ...\n"
    )
    (tmp_path / "old.py").write_text(text)
    (tmp_path / "more.py").write_text(text.replace("total: Decimal", "total: Decimal\n    paid: bool = False"))
    (tmp_path / "tighter.py").write_text(text.replace("ge=0", "ge=100"))
    more = allot("contracts", "diff", "old", "more", "--json", folder=tmp_path)
    assert (more.code, more.document["verdict"]) == (0, "compatible")
    tighter = allot("contracts", "diff", "old", "tighter", folder=tmp_path)
    assert tighter.code == 1
    assert "price: the worker takes only what is at least 100" in tighter.out


def test_two_contracts_of_one_name_are_not_listed_as_one(shop, tmp_path):
    write_package(tmp_path / "next", NEW)
    done = allot("contracts", "list", "-m", "shop", "-m", "next/shop", folder=shop)
    assert done.code == 2
    assert "there are two contracts named 'shop.add'" in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list"], "there is no file fleet.yaml, and no SOURCE is named"),
        (["show", "shop.ad", "-m", "shop"], "did you mean 'shop.add'?"),
        (["list", "-m", "shopp"], "there is no module 'shopp'"),
        (["list", "-m", "./shopp"], "there is no folder or Python file ./shopp"),
        (["list", "-m", "my-contracts"], "is not a module's name"),
        (["list", "-m", "missing.json"], "missing.json cannot be read"),
        (["list", "-m", "text.json"], "text.json:1: it is no JSON"),
        (["list", "-m", "list.json"], "it has no list `contracts`"),
        (["list", "-m", "lacking.json"], "a contract lacks 'parameters'"),
        (["list", "-m", "wrong.json"], "not the shape of a contract"),
        (["diff", "shop", "raises"], "it was raised in "),
        (["diff", "shop", "exits"], "'exits' cannot be imported: SystemExit: 3"),
        (["diff", "shop", "dies"], "importing dies ended the process with 7"),
        (["diff", "shop", "untyped"], "'left'"),
        (["list", "-m", "unwritten"], "unwritten.py:2"),
        (["list", "-m", "plain"], "plain defines no contract"),
        (["diff", "plain", "plain"], "plain defines no contract"),
        (["diff", "none.json", "shop"], "none.json defines no contract"),
        (["diff", "shop"], "Missing argument 'B'"),
    ],
)
def test_what_cannot_be_read_is_said_without_a_traceback(shop, arguments, told):
    (shop / "text.json").write_text("shop.add")
    (shop / "list.json").write_text("[]")
    (shop / "lacking.json").write_text('{"contracts": [{"name": "a"}]}')
    listed = allot("contracts", "list", "-m", "shop", "--json", folder=shop).document
    listed["contracts"][0]["parameters"][0]["kind"] = "given"
    (shop / "wrong.json").write_text(json.dumps(listed))
    (shop / "raises.py").write_text("x = 1\nraise ValueError('no')\n")
    (shop / "exits.py").write_text("raise SystemExit(3)\n")
    (shop / "dies.py").write_text("import os\nos._exit(7)\n")
    (shop / "unwritten.py").write_text("x = 1\ndef f(:\n")
    (shop / "plain.py").touch()
    (shop / "none.json").write_text('{"contracts": []}')
    (shop / "untyped.py").write_text(
        "from allotment import contract\n\n@contract(name='a')\ndef a(left) -> None: ...\n"
    )
    done = allot("contracts", *arguments, folder=shop)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
    assert not done.out


PARCELS = '''
from allotment import contract


@contract(name="parcels.weigh", queue="scales")
def weigh(parcel: str, precise: bool = False) -> float:
    """Weigh a parcel, in kilograms."""
'''


def test_the_json_is_as_the_page_says(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "parcels.py").write_text(PARCELS.replace(", precise: bool = False", ""))
    (tmp_path / "parcels.py").write_text(PARCELS)
    shown = allot("contracts", "show", "parcels.weigh", "-m", "parcels", "--json", folder=tmp_path)
    compared = allot("contracts", "diff", "old/parcels.py", "parcels", "--json", folder=tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "json.md").read_text()
    for name, done in (("contract.json", shown), ("diff.json", compared)):
        _, _, example = page.partition(f'```json title="{name}"\n')
        assert json.loads(example.partition("```")[0]) == done.document


def test_an_error_is_told_in_json_where_that_was_asked_for(shop):
    done = allot("contracts", "diff", "shop", "nowhere", "--json", folder=shop)
    [error] = done.document["errors"]
    assert (done.code, error["code"]) == (2, "contracts-unusable")
    assert sys.executable in error["hint"]
