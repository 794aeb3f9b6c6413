"""Rules run: what a comment ignores, what is chosen, and a rule that fails."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allotment.cli.examining import Examined, examine
from allotment.errors import ExitCode, UnknownName
from allotment.rules.ignoring import ignores_in
from allotment.rules.registry import every_rule, rule_named, selected
from allotment.rules.rule import Finding, RuleCrashed
from allotment.rules.running import run_rules
from allotment.rules.subject import Subject
from allotment.source.yaml_text import read_document

PREFETCH = "prefetch-on-long-tasks"
FLEET = """\
tasks: {{shop.reports.yearly: {{queue: reports}}}}
profiles:
  reports:
    queues: [reports]
    concurrency: 4
    {above}
    prefetch: 10 {beside}
    time_limit: 1h
"""


def checked(tmp_path: Path, above: str = "#", beside: str = "") -> Examined:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET.format(above=above, beside=beside))
    return examine(path, None, [rule_named(PREFETCH)])


@pytest.mark.parametrize(
    ("above", "beside"),
    [
        ("#", f"# allot: ignore[{PREFETCH}] all tasks are alike"),
        (f"# allot: ignore[{PREFETCH}] all tasks are alike", ""),
        (f"# allot: ignore[mixed-kinds, {PREFETCH}] both for a reason", "# and more to say"),
        (f"# allot: ignore[{PREFETCH}] a reason\n    # and then a remark\n", ""),
    ],
)
def test_a_comment_with_a_reason_ignores_a_rule_at_its_line(tmp_path: Path, above: str, beside: str) -> None:
    examined = checked(tmp_path, above, beside)
    assert examined.report.found == ()
    assert [one.rule.name for one in examined.report.ignored] == [PREFETCH]
    assert examined.clean


@pytest.mark.parametrize(
    ("above", "beside"),
    [
        ("#", f"# allot: ignore[{PREFETCH}]"),
        ("#", "# allot: ignore[mixed-kinds] another rule"),
        ("#", f"# allot:ignored[{PREFETCH}] not the words"),
        (f"# allot: ignore[{PREFETCH}] it is for the next line\n    max_tasks_per_child: 5", ""),
    ],
)
def test_other_comments_ignore_nothing(tmp_path: Path, above: str, beside: str) -> None:
    assert len(checked(tmp_path, above, beside).report.found) == 1


def test_a_comment_inside_a_value_is_none() -> None:
    assert ignores_in(read_document("a: 'x #allot: ignore[mixed-kinds] no'\n", "f", {})) == ()
    (found,) = ignores_in(read_document("\n\na: 1 # allot: ignore[b,  c ] because  \n", "f", {}))
    assert (found.line, found.target, found.rules, found.reason) == (3, 3, ("b", "c"), "because")


def test_rules_are_chosen_by_name() -> None:
    every = {rule.name for rule in every_rule()}
    assert {rule.name for rule in selected((), ())} == every
    assert [rule.name for rule in selected([PREFETCH], ())] == [PREFETCH]
    assert {rule.name for rule in selected((), [PREFETCH])} == every - {PREFETCH}
    with pytest.raises(UnknownName, match="prefetch-on-long-task") as caught:
        selected(["prefetch-on-long-task"], ())
    assert caught.value.hint == f"did you mean {PREFETCH!r}?"


def test_no_comment_ignores_what_stands_against_the_proof(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(
        "tasks:\n  a: {queue: nobody} # allot: ignore[unroutable-task] it will be mended\n"
        "profiles: {p: {queues: [q], time_limit: 1m}}\n"
    )
    examined = examine(path, None, every_rule())
    assert "unroutable-task" in {found.rule.name for found in examined.report.found}
    assert not examined.clean
    assert examine(path, None, selected(["missing-time-limit"], ())).clean


def test_a_rule_that_crashes_fails_the_run(tmp_path: Path) -> None:
    examined = checked(tmp_path)

    def check(_: Subject) -> Iterator[Finding]:
        yield Finding("the first", "of two", ())
        raise ZeroDivisionError("none")

    broken = replace(rule_named(PREFETCH), name="broken", check=check)
    subject = Subject(examined.document, examined.loaded.plan, examined.proof)
    with pytest.raises(RuleCrashed, match="broken crashed: ZeroDivisionError: none") as caught:
        run_rules([rule_named(PREFETCH), broken], subject)
    assert caught.value.exit_code is ExitCode.INTERNAL
