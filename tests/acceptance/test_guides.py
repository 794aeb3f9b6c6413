"""The mistakes of the usual guides, in one file: each is found with its remedy, and what has one answer is mended."""

import re
import shutil
from pathlib import Path

import pytest
from acceptance.conftest import allot

GUIDES = Path(__file__).parents[1] / "fixtures" / "fleets" / "guides.yaml"

MISTAKES = {
    # the rule: the line of the mistake, and a word of what to do
    "unknown-setting": ("worker_autoscale_max: 8", "autoscale"),
    "silent-drop": ("x-max-length: 50", "x-overflow"),
    "mixed-kinds": ("- io_email_sending", "profile"),
    "concurrency-over-cores": ("concurrency: 50", "cores"),
    "prefetch-on-long-tasks": ("prefetch: 10", "prefetch: 1"),
    "short-visibility-timeout": ("time_limit: 7200s", "visibility_timeout"),
    "missing-time-limit": ("general:", "time_limit"),
}
BY_HAND = {"mixed-kinds", "missing-time-limit"}
"""Mistakes with more than one good answer."""


@pytest.fixture
def guides(tmp_path: Path) -> Path:
    return Path(shutil.copy(GUIDES, tmp_path / "fleet.yaml"))


def test_each_mistake_is_found_at_its_line_with_its_remedy(guides: Path) -> None:
    done = allot("check", "--json", folder=guides.parent)
    assert done.code == 1
    lines = guides.read_text().splitlines()
    found = {finding["rule"]: finding for finding in done.document["findings"]}
    assert set(found) == set(MISTAKES)
    assert len(done.document["findings"]) == len(MISTAKES)
    for rule, (line, remedy) in MISTAKES.items():
        marked = [lines[place["line"] - 1] for place in found[rule]["places"]]
        assert any(line in text for text in marked), (rule, marked)
        assert remedy in found[rule]["remedy"]


def test_fix_mends_what_has_one_answer_and_keeps_the_comments(guides: Path) -> None:
    before = guides.read_text()
    done = allot("check", "--fix", "--json", folder=guides.parent)
    assert done.code == 1
    assert {finding["rule"] for finding in done.document["mended"]} == set(MISTAKES) - BY_HAND
    assert {finding["rule"] for finding in done.document["findings"]} == BY_HAND
    after = guides.read_text()
    gone = {"# one that there is not", "# fifty processes, whatever the machine has"}
    assert set(re.findall(r"#.*", before)) - set(re.findall(r"#.*", after)) <= gone
    assert len(after.splitlines()) > len(before.splitlines()) - 3

    by_hand = (
        after.replace("      - io_email_sending # waiting, on workers for computing\n", "")
        .replace("  general:\n", "  io: {preset: io, queues: [io_email_sending]}\n  general:\n")
        .replace("# no limit at all\n", "# a limit\n    time_limit: 5m\n")
    )
    guides.write_text(by_hand)
    clean = allot("check", folder=guides.parent)
    assert (clean.code, clean.err) == (0, "")
    assert allot("check", "--fix", folder=guides.parent).code == 0
    assert guides.read_text() == by_hand


def test_diff_shows_what_fix_would_do_and_does_nothing(guides: Path) -> None:
    before = guides.read_text()
    done = allot("check", "--diff", folder=guides.parent)
    assert done.code == 1
    assert guides.read_text() == before
    assert "-    prefetch: 10 # for films" in done.out
    assert "+    prefetch: 1 # for films" in done.out
