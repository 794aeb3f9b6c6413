"""Adding a rule is adding its files: a rule put into a folder beside the catalogue is found everywhere at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from allotment.cli.commands.check import command as check
from allotment.cli.commands.docs import command as docs
from allotment.rules import catalogue, registry

ROOT = Path(__file__).parents[3]
RULE = '''\
"""A profile is named after a colour."""

from allotment.rules.rule import Confidence, Finding, Label, Severity

SEVERITY = Severity.ADVICE
CONFIDENCE = Confidence.LOW


def check(subject):
    for name in subject.model.profiles:
        if name in {"red", "green"}:
            yield Finding(f"{name!r} is a colour", "name what it does", (Label(("profiles", name), "here"),))
'''
PAGE = "# coloured-profile\n\nA profile is named after a colour.\n"
FLEET = "tasks: {a: {}}\nprofiles:\n  green: {queues: [q], time_limit: 1m}\n"


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "coloured_profile.py").write_text(RULE)
    (folder / "coloured_profile.md").write_text(PAGE)
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(folder)])
    registry.every_rule.cache_clear()
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(FLEET)
    yield fleet
    registry.every_rule.cache_clear()


def test_a_rule_in_the_folder_is_run_shown_chosen_and_ignored(added: Path) -> None:
    run = CliRunner()
    found = run.invoke(check, ["-f", str(added)], standalone_mode=False)
    assert found.return_value == 1
    assert "advice[coloured-profile]: 'green' is a colour" in found.stderr
    assert "coloured-profile" in run.invoke(docs, ["rule"], standalone_mode=False).stdout
    assert run.invoke(docs, ["rule", "coloured-profile"], standalone_mode=False).stdout == PAGE
    assert (
        run.invoke(check, ["-f", str(added), "--ignore", "coloured-profile"], standalone_mode=False).return_value == 0
    )
    assert '"id": "coloured-profile"' in run.invoke(check, ["-f", str(added), "--format", "sarif"]).stdout
    added.write_text(FLEET.rstrip() + " # allot: ignore[coloured-profile] the team is called so\n")
    assert run.invoke(check, ["-f", str(added)], standalone_mode=False).return_value == 0


def test_no_list_names_the_rules() -> None:
    names = {rule.name for rule in registry.every_rule()}
    for folder in ("src/allotment", "docs", "scripts"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ""} and path.is_file() and "catalogue" not in path.parts:
                text = path.read_text(errors="ignore")
                named = {name for name in names if name in text}
                assert len(named) < len(names) / 2, (
                    f"{path} looks like a list of rules, which adding one would have to touch"
                )
