"""A fleet examined: its plan proved, the rules run over it, and what has one safe answer mended."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from errno import EACCES
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

from allotment.cli.loading import LoadedFleet, load
from allotment.errors import AllotmentError, FileProblem, Where
from allotment.plan.proof import Proof, prove
from allotment.rules.ignoring import ignores_in
from allotment.rules.registry import every_rule
from allotment.rules.rule import Rule
from allotment.rules.running import Found, Report, run_rules
from allotment.rules.subject import Subject

if TYPE_CHECKING:
    from allotment.source.document import Document

_MOST_LOOKS = 30
"""How often what was mended is looked at again: one mended fault may uncover another, and one may be in vain."""


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
        """Whether nothing was found by the rules that were run; three of them tell what stands against the proof."""
        return not self.report.found

    def mended(self) -> dict[str, str]:
        """Give the texts of the files with what has one safe answer mended, by name; none where nothing has."""
        return _edited(self, self.report.found)[1]


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
        placeholders=inventory.placeholders if inventory else {},
        setting_names=_setting_names() if _are_settings(loaded) else None,
        ignores=ignores_in(loaded.file.document),
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
    be read, is taken back, and the others are tried without it; what was tried in vain is given without its edits.
    Raises what `examine` does, and FileProblem where a file may not be written.
    """
    examined = examine(path, app, rules)
    done: list[Found] = []
    in_vain: set[tuple[str, str]] = set()
    most: int | None = None
    for _ in range(_MOST_LOOKS):
        waiting = [found for found in examined.report.found if found.finding.edits and _known_by(found) not in in_vain]
        if not waiting:
            break
        tried, texts = _edited(examined, waiting[:most])
        in_vain |= {_known_by(found) for found in waiting[:most]} - {_known_by(found) for found in tried}
        if not tried:
            continue
        left, failed = _tried(texts, tried, lambda: _left_after(path, app, rules))
        if left is not None:
            examined, done = left, [*done, *tried]
        elif len(failed) == len(tried) > 1:
            most = len(tried) // 2  # one of them is at fault, and nobody knows yet which
        else:
            in_vain |= {_known_by(found) for found in failed}
            most = None
    return _without_edits(examined, in_vain), tuple(done)


def _edited(examined: Examined, waiting: Sequence[Found]) -> tuple[list[Found], dict[str, str]]:
    """Give the findings whose edits come out as asked, and the texts with them; none where they change nothing."""
    from allotment.rules.fixing import edited_in_groups

    fixed = edited_in_groups(examined.document, [found.finding.edits for found in waiting])
    made = [found for number, found in enumerate(waiting) if number not in fixed.left_out]
    return (made if fixed.texts else []), fixed.texts


def _tried(
    texts: Mapping[str, str], tried: list[Found], look: Callable[[], Examined | None]
) -> tuple[Examined | None, list[Found]]:
    """Write what was edited and look at it; where findings are still there, undo it and give those."""
    before = {file: Path(file).read_bytes() for file in texts}
    try:
        _write({file: text.encode() for file, text in texts.items()})
        left = look()
        still_there = {_known_by(found) for found in (left.report.found if left else tried)}
        failed = [found for found in tried if _known_by(found) in still_there]
        if not failed:
            return left, []
    except BaseException:
        _write(before)
        raise
    _write(before)
    return None, failed


def _known_by(found: Found) -> tuple[str, str]:
    return (found.rule.name, found.finding.message)


def _left_after(path: Path, app: str | None, rules: Sequence[Rule]) -> Examined | None:
    """Examine what was written; None where it can no longer be read."""
    try:
        return examine(path, app, rules)
    except AllotmentError:
        return None


def _without_edits(examined: Examined, in_vain: set[tuple[str, str]]) -> Examined:
    """Take the edits from the findings that were tried in vain."""
    found = tuple(
        replace(one, finding=replace(one.finding, edits=())) if _known_by(one) in in_vain else one
        for one in examined.report.found
    )
    return replace(examined, report=replace(examined.report, found=found))


def _write(contents: Mapping[str, bytes]) -> None:
    """Put files into the place of those there are; one that has its content already is not touched."""
    for file, content in contents.items():
        target = Path(file).resolve()  # of a link, the file that it names
        try:
            if target.read_bytes() != content:
                _write_whole(target, content)
        except OSError as error:
            what = f"{file} cannot be written: {error.strerror or error}"
            hint = f"check the owner and mode of it and of its folder {target.parent}, and run --fix again"
            raise FileProblem("file-unreadable", what, where=Where(file), hint=hint) from None


def _write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it is always whole, with the mode and the owner it has."""
    if not os.access(target, os.W_OK):
        raise PermissionError(EACCES, os.strerror(EACCES))
    status = target.stat()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            with suppress(OSError):  # only root may give a file to others
                os.fchown(handle, status.st_uid, status.st_gid)
            os.fchmod(handle, S_IMODE(status.st_mode))
            os.fsync(handle)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
