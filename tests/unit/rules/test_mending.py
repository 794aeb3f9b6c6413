"""`--fix` on files: what it writes and how, what it takes back, and what it says."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from allotment.cli import examining
from allotment.cli.examining import mend
from allotment.cli.main import main
from allotment.errors import AllotmentError
from allotment.rules.fixing import edited
from allotment.rules.registry import every_rule, selected
from allotment.rules.rule import Edit, Finding
from allotment.rules.running import Found, Report

SCALING = "profiles:\n  one:\n    queues: [one]\n    autoscale: {min: 3, max: 3}\n  two: {queues: [two]}\n"
NO_HEADROOM = selected(["no-headroom"], [])


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(SCALING)
    return path


def mended(path: Path) -> int:
    return len(mend(path, None, NO_HEADROOM)[1])


def test_a_figure_is_put_into_its_own_profile_below_a_block_scalar(fleet: Path) -> None:
    text = (
        "profiles:\n  one:\n    autoscale: {min: 3, max: 3}\n    queues: [one]\n    description: |\n      text\n"
        "  two: {queues: [two]}\n"
    )
    fleet.write_text(text)
    mended(fleet)
    assert fleet.read_text() == text.replace("    autoscale: {min: 3, max: 3}\n", "").replace(
        "      text\n", "      text\n    concurrency: 3\n"
    )


def test_line_breaks_and_the_mark_at_the_beginning_stay(fleet: Path) -> None:
    fleet.write_bytes(b"\xef\xbb\xbf" + SCALING.replace("\n", "\r\n").encode())
    assert mended(fleet) == 1
    there = fleet.read_bytes()
    assert there.startswith(b"\xef\xbb\xbfprofiles:\r\n")
    assert there.count(b"\n") == there.count(b"\r\n") == 5


def test_mode_links_and_files_beside_it_stay(fleet: Path, tmp_path: Path) -> None:
    fleet.chmod(0o600)
    beside = tmp_path / "fleet.yaml.new"
    beside.write_text("mine")
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "fleet.yaml"
    link.symlink_to(fleet)
    assert mended(link) == 1
    assert link.is_symlink()
    assert "concurrency: 3" in fleet.read_text()
    assert fleet.stat().st_mode & 0o777 == 0o600
    assert beside.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.yaml", "fleet.yaml.new", "links"]


def _refuse(*_: object, **__: object) -> Any:
    raise PermissionError(13, "Permission denied")


def test_a_folder_that_may_not_be_written_is_told(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", _refuse)
    assert main(["check", "--fix", "-f", str(fleet)]) == 2
    error = capsys.readouterr().err
    assert "cannot be written: Permission denied" in error
    assert "check the owner and mode" in error
    assert fleet.read_text() == SCALING


def test_a_file_that_may_not_be_written_is_told(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(AllotmentError, match="cannot be written"):
        mended(fleet)
    assert fleet.read_text() == SCALING


def test_an_interrupted_look_undoes_what_was_written(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def interrupted(*_: object) -> Any:
        written.append(fleet.read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(examining, "_left_after", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mended(fleet)
    assert "concurrency: 3" in written[0]
    assert fleet.read_text() == SCALING


def test_what_fails_does_not_keep_others_from_being_mended(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write_text(SCALING.replace("  two: {", "  two: {autoscale: {min: 2, max: 2}, "))
    examine = examining.examine
    bad = (
        Edit(("profiles", "two", "prefetch"), "no-number"),  # after which the file cannot be read
        Edit(("profiles", "two", "queues", 7), "x"),  # which does not come out
        Edit(("profiles", "two", "prefetch"), "2"),  # which changes nothing about it
    )

    def with_more(*arguments: Any) -> Any:
        examined = examine(*arguments)
        more = [
            Found(NO_HEADROOM[0], Finding(f"bad {number}", "nothing", (), (edit,)), ())
            for number, edit in enumerate(bad)
        ]
        found = (*more[:2], *examined.report.found, *more[2:])
        return examining.Examined(examined.loaded, examined.proof, Report(found, ()))

    monkeypatch.setattr(examining, "examine", with_more)
    after, done = mend(fleet, None, NO_HEADROOM)
    assert len(done) == 2
    assert [found.finding.message for found in after.report.found] == ["bad 0", "bad 1", "bad 2"]
    assert not any(found.finding.edits for found in after.report.found)
    assert "autoscale" not in fleet.read_text()
    assert "prefetch" not in fleet.read_text()
    assert main(["check", "--fix", "--select", "no-headroom", "-f", str(fleet)]) == 1
    shown = capsys.readouterr()
    assert "--fix" not in shown.out + shown.err
    assert shown.out.endswith("3 findings\n")


def test_after_mending_only_what_is_left_and_what_was_mended_is_counted(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", "-f", str(fleet), "--select", "no-headroom"])
    assert "1 finding, 1 of them mended by --fix" in capsys.readouterr().out
    main(["check", "--fix", "-f", str(fleet), "--select", "no-headroom"])
    assert capsys.readouterr().out.endswith("\n1 mended\n")


def test_many_profiles_that_alias_one_are_mended_at_once(fleet: Path) -> None:
    many = "".join(f"  p{number}: *one\n" for number in range(300))
    fleet.write_text("profiles:\n  one: &one\n    queues: [one]\n    autoscale: {min: 3, max: 3}\n" + many)
    assert len(mend(fleet, None, selected(["no-headroom"], []))[1]) == 301
    assert fleet.read_text() == "profiles:\n  one: &one\n    queues: [one]\n    concurrency: 3\n" + many


def test_a_file_of_another_shape_is_mended_where_its_values_stand(fleet: Path) -> None:
    text = "workers:\n  # big\n  one: {replicas: 2, autoscale: {min: 3, max: 3}}\n"
    fleet.write_text(text)
    document = examining.examine(fleet, None, every_rule()).document
    assert document.has(("profiles", "one"))
    assert edited(document, [Edit(("profiles", "one", "concurrency"), "3")])[str(fleet)] == text.replace(
        "3}}", "3}, concurrency: 3}"
    )


def test_a_difference_is_shown_beside_findings_that_have_no_edits(fleet: Path) -> None:
    examined = examining.examine(fleet, None, NO_HEADROOM)
    without = Found(NO_HEADROOM[0], Finding("by hand", "nothing", ()), ())
    both = examining.Examined(examined.loaded, examined.proof, Report((without, *examined.report.found), ()))
    assert "concurrency: 3" in both.mended()[str(fleet)]
