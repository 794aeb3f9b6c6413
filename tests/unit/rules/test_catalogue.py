"""Each rule: its page, its fixtures, and that it finds what it is for and nothing else does."""

import re
from pathlib import Path

import pytest

from allotment.cli.examining import examine, mend
from allotment.rules.registry import every_rule
from allotment.rules.rule import Rule

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rules"
HEADINGS = ["## Why", "## Found", "## Better", "## Sources"]

each_rule = pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.name)


def test_there_are_as_many_rules_as_promised() -> None:
    assert len(every_rule()) >= 26


def test_every_fixture_is_of_a_rule() -> None:
    assert {folder.name for folder in FIXTURES.iterdir()} == {rule.name for rule in every_rule()}


@each_rule
def test_a_rule_has_a_page_that_says_what_why_bad_good_and_source(rule: Rule) -> None:
    assert rule.page.is_file(), f"{rule.name} needs its page: {rule.page}"
    page = rule.page.read_text()
    assert page.startswith(f"# {rule.name}\n\n{rule.summary}\n\n")
    assert f"**Severity:** {rule.severity}. **Confidence:** {rule.confidence}." in page
    assert [line for line in page.splitlines() if line.startswith("## ")] == HEADINGS
    found, better = (re.search(rf"## {part}\n+```yaml\n(.+?)```", page, re.DOTALL) for part in ("Found", "Better"))
    assert found
    assert better
    assert found[1] != better[1]
    assert re.search(r"^- .{10,}", page.partition("## Sources")[2], re.MULTILINE)


@each_rule
def test_a_rule_finds_what_it_is_for_and_no_other_rule_does(rule: Rule) -> None:
    examined = examine(FIXTURES / rule.name / "bad.yaml", None, every_rule())
    assert {found.rule.name for found in examined.report.found} == {rule.name}
    for found in examined.report.found:
        assert found.finding.message
        assert found.finding.remedy
        assert found.places, "a finding points at a place"


@each_rule
def test_a_rule_finds_nothing_in_what_is_good(rule: Rule) -> None:
    examined = examine(FIXTURES / rule.name / "good.yaml", None, every_rule())
    assert [(found.rule.name, found.finding.message) for found in examined.report.found] == []
    assert examined.proof.holds


@each_rule
def test_what_a_rule_mends_is_clean_and_keeps_its_comments(rule: Rule, tmp_path: Path) -> None:
    for source in (FIXTURES / rule.name).iterdir():
        if source.is_file():
            (tmp_path / source.name).write_text(source.read_text())
    bad = tmp_path / "bad.yaml"
    before = examine(bad, None, every_rule()).report.found
    comments = re.findall(r"^ *#.*", bad.read_text(), re.MULTILINE)
    after, mended = mend(bad, None, every_rule())
    assert len(mended) == sum(bool(found.finding.edits) for found in before)
    assert not any(found.finding.edits for found in after.report.found)
    assert len(after.report.found) == sum(not found.finding.edits for found in before)
    page_says = "**`--fix`:**" in rule.page.read_text()
    assert page_says == bool(mended), "the page says whether --fix mends it"
    assert re.findall(r"^ *#.*", bad.read_text(), re.MULTILINE) == comments
