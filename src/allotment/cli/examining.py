"""A fleet examined: its plan proved, the rules run over it, and what has one safe answer mended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from allotment.cli.loading import LoadedFleet, load
from allotment.errors import AllotmentError
from allotment.plan.proof import Proof, prove
from allotment.rules.ignoring import ignores_in
from allotment.rules.registry import every_rule
from allotment.rules.rule import Rule
from allotment.rules.running import Found, Report, run_rules
from allotment.rules.subject import Subject

if TYPE_CHECKING:
    from allotment.source.document import Document

_MOST_ROUNDS = 10
"""How often what was mended is looked at again: one mended fault may uncover another."""


@dataclass(frozen=True)
class Examined:
    """A fleet with its proof and what the rules found."""

    loaded: LoadedFleet
    proof: Proof
    report: Report

    @property
    def document(self) -> "Document":
        """The fleet file's values and places."""
        return self.loaded.file.document

    @property
    def clean(self) -> bool:
        """Whether the proof holds and nothing was found."""
        return self.proof.holds and not self.report.found

    def mended(self) -> dict[str, str]:
        """Give the texts of the files with what has one safe answer mended, by name; none where nothing has."""
        from allotment.rules.fixing import edited

        return edited(self.document, [edit for found in self.report.found for edit in found.finding.edits])


def examine(path: Path, app: str | None, rules: Sequence[Rule]) -> Examined:
    """Read, plan, prove, and run the rules. Raises FileInvalid, AppUnusable and RuleCrashed."""
    loaded = load(path, app)
    proof = prove(loaded.plan)
    inventory = loaded.inventory
    subject = Subject(
        loaded.file.document,
        loaded.plan,
        proof,
        app=inventory.settings if inventory else None,
        chords_in=inventory.chords_in if inventory else (),
        setting_names=_setting_names() if _are_settings(loaded) else None,
        ignores=ignores_in(loaded.file.document.texts),
        rule_names=frozenset(rule.name for rule in every_rule()),
    )
    return Examined(loaded, proof, run_rules(rules, subject))


def _are_settings(loaded: LoadedFleet) -> bool:
    """Say whether the file or the app has settings whose names are to be judged."""
    return bool(loaded.file.model.settings or (loaded.inventory and loaded.inventory.settings.unknown))


def _setting_names() -> frozenset[str]:
    # only Celery knows its settings, and importing it takes its time
    from allotment.engine.settings import setting_names

    return setting_names()


def mend(path: Path, app: str | None, rules: Sequence[Rule]) -> tuple[Examined, tuple[Found, ...]]:
    """Mend what has one safe answer, in the files; give the fleet as it is then, and what was mended.

    Only the characters at fault change. An edit that does not do away with its finding, or after which the file cannot
    be read, is taken back. Raises what `examine` does.
    """
    from allotment.rules.fixing import edited

    examined = examine(path, app, rules)
    done: list[Found] = []
    in_vain: set[tuple[str, str]] = set()
    for _ in range(_MOST_ROUNDS):
        tried = [found for found in examined.report.found if found.finding.edits and _known_by(found) not in in_vain]
        texts = edited(examined.document, [edit for found in tried for edit in found.finding.edits])
        if not texts:
            break
        _write(texts)
        left = _left_after(path, app, rules)
        if left is None:
            failed = tried
        else:
            still_there = {_known_by(found) for found in left.report.found}
            failed = [found for found in tried if _known_by(found) in still_there]
        if failed or left is None:
            _write({file: examined.document.texts[file] for file in texts})
            in_vain |= {_known_by(found) for found in failed}
        else:
            examined, done = left, [*done, *tried]
    return examined, tuple(done)


def _known_by(found: Found) -> tuple[str, str]:
    return (found.rule.name, found.finding.message)


def _left_after(path: Path, app: str | None, rules: Sequence[Rule]) -> Examined | None:
    """Examine what was written; None where it can no longer be read."""
    try:
        return examine(path, app, rules)
    except AllotmentError:
        return None


def _write(texts: Mapping[str, str]) -> None:
    from allotment.local.state import write_whole

    for file, text in texts.items():
        write_whole(Path(file), text)
