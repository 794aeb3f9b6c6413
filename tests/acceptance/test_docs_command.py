"""`allot docs`: the pages on rules and practices, and that what they say is so."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from acceptance.conftest import allot

from allotment.cli.examining import examine
from allotment.cli.group import allot as group
from allotment.cli.table import COMMANDS
from allotment.rules.pages import Practice, every_practice
from allotment.rules.registry import every_rule

HEADINGS = ["## Why", "## How", "## Bad", "## Good"]
RULES = {rule.name for rule in every_rule()}

each_practice = pytest.mark.parametrize("practice", every_practice(), ids=lambda one: one.name)


def named_rules(practice: Practice) -> list[str]:
    line = practice.page.read_text().split("\n\n")[2]
    return re.findall(r"`([^`]+)`", line)


def block(practice: Practice, heading: str) -> str | None:
    found = re.search(rf"^## {heading}\n+```yaml\n(.+?)^```", practice.page.read_text(), re.DOTALL | re.MULTILINE)
    return found[1] if found else None


def test_there_are_ten_practices_and_four_mistakes() -> None:
    assert [one.mistake for one in every_practice()] == [False] * 10 + [True] * 4
    assert not {one.name for one in every_practice()} & RULES


@each_practice
def test_a_page_has_its_parts(practice: Practice) -> None:
    page = practice.page.read_text()
    kind = "Mistake" if practice.mistake else "Practice"
    assert practice.name == practice.page.stem.replace("_", "-")
    assert page.startswith(f"# {practice.name}\n\n{practice.summary}\n\n**{kind}.** ")
    assert [line for line in page.splitlines() if line.startswith("## ")] == HEADINGS
    for heading in HEADINGS:
        assert len(page.partition(heading)[2].partition("\n## ")[0].strip()) > 40


@each_practice
def test_the_names_on_a_page_are_there(practice: Practice) -> None:
    page = practice.page.read_text()
    assert [name for name in named_rules(practice) if name not in RULES] == []
    known = RULES | {one.name for one in every_practice()}
    assert [name for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", page) if name not in known] == []
    for span in re.findall(r"`allot ([^`]+)`|^allot (.+)$", page, re.MULTILINE):
        name, *rest = (span[0] or span[1]).split()
        command = group.get_command(click.Context(group), name)
        assert name in COMMANDS
        assert command is not None
        options = {option for parameter in command.params for option in parameter.opts}
        assert [word for word in rest if word.startswith("--") and word not in options] == []


@each_practice
def test_bad_is_found_by_a_rule_that_the_page_names_and_good_by_none(practice: Practice, tmp_path: Path) -> None:
    rules = named_rules(practice)
    for heading, expected in (("Bad", bool(rules)), ("Good", False)):
        text = block(practice, heading)
        if text is not None:
            path = tmp_path / f"{heading}.yaml"
            path.write_text(text)
            examined = examine(path, None, every_rule())
            found = {one.rule.name for one in examined.report.found}
            assert found <= set(rules), heading
            assert bool(found) == expected, heading
    assert block(practice, "Bad") or not rules


def test_rules_are_listed_with_severity_and_summary(tmp_path: Path) -> None:
    done = allot("docs", "rule", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) == len(every_rule()) + 1
    for rule in every_rule():
        assert re.search(rf"^{rule.name} +{rule.severity} +{re.escape(rule.summary)} *$", done.out, re.MULTILINE)
    listed = allot("docs", "rule", "--format", "json", folder=tmp_path).document["rules"]
    assert [one["name"] for one in listed] == [rule.name for rule in every_rule()]
    assert set(listed[0]) == {"name", "severity", "confidence", "summary"}


def test_practices_are_listed_before_mistakes(tmp_path: Path) -> None:
    done = allot("docs", "practice", folder=tmp_path)
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert names == [one.name for one in every_practice()]
    listed = allot("docs", "practice", "--json", folder=tmp_path).document["practices"]
    assert [one["kind"] for one in listed] == ["practice"] * 10 + ["mistake"] * 4


def test_a_page_is_printed_as_it_is(tmp_path: Path) -> None:
    for rule in every_rule()[:3]:
        assert allot("docs", "rule", rule.name, folder=tmp_path).out == rule.page.read_text()
    for practice in every_practice()[:2]:
        page = practice.page.read_text()
        assert allot("docs", "practice", practice.name, folder=tmp_path).out == page
        assert allot("docs", "rule", practice.name, folder=tmp_path).out == page
    document = allot("docs", "rule", "plain-password", "--json", folder=tmp_path).document
    assert document["name"] == "plain-password"
    assert document["page"].startswith("# plain-password\n")


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    for arguments, near in (
        (("rule", "plain-pasword"), "did you mean 'plain-password'?"),
        (("rule", "set-limit"), "did you mean 'set-limits'?"),
        (("practice", "autoscaling"), "did you mean 'autoscale'?"),
        (("practice", "zzz"), "`allot docs practice` lists them"),
    ):
        done = allot("docs", *arguments, folder=tmp_path)
        assert (done.code, done.out) == (2, "")
        assert near in done.err
    document = allot("docs", "rule", "zzz", "--json", folder=tmp_path)
    assert document.code == 2
    assert document.document["errors"][0]["code"] == "unknown-name"


def test_a_rule_is_no_practice(tmp_path: Path) -> None:
    assert allot("docs", "practice", "plain-password", folder=tmp_path).code == 2


def test_a_terminal_gets_it_laid_out(tmp_path: Path) -> None:
    code = "import pty, sys; pty.spawn([sys.executable, '-m', 'allotment', 'docs', 'rule', 'plain-password'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=True,
        text=True,
    )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert "plain-password" in shown
    assert "# plain-password" not in shown
    assert "**Severity" not in shown


def test_no_celery_is_imported() -> None:
    code = (
        "import sys\nfrom allotment.cli.main import main\n"
        "assert main(['docs', 'rule']) == 0\nassert main(['docs', 'practice', 'set-limits']) == 0\n"
        "assert not {'celery', 'kombu', 'billiard'} & set(sys.modules), 'celery was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
