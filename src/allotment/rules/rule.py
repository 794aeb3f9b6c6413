"""A rule and what it finds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path as FilePath

from allotment.errors import AllotmentError, ExitCode, Where
from allotment.rules.subject import Subject
from allotment.source.document import Path


class Severity(StrEnum):
    """How bad it is: tasks are lost or do not run; the fleet runs badly; it could be better."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


class Confidence(StrEnum):
    """How sure a rule is of a mistake: it follows from the file, it is very likely, it is a guess."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Label:
    """A place in the file and what it says in the matter: a plain value, or the key of a mapping or list.

    What is no value, as a comment, has no path: its place is given itself.
    """

    path: Path | Where
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of the file: the value at this path, as YAML, put there; None: taken away with its key."""

    path: Path
    value: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: what is wrong, what to do, and the places, the first of them where it is to be mended.

    `edits` are given only where there is one safe answer.
    """

    message: str
    remedy: str
    labels: tuple[Label, ...]
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name says the fault and reads after "allow"; `page` is its page's file.

    `last`: it judges what the other rules found, and is run after them. `proof`: it tells what stands against the
    proof, which no comment can ignore: such a fleet is not run.
    """

    name: str
    summary: str
    severity: Severity
    confidence: Confidence
    check: Callable[[Subject], Iterator[Finding]]
    page: FilePath
    last: bool = False
    proof: bool = False


_NAMED = 3
"""How many names a message gives before it counts the rest."""


def a_few(names: Sequence[str]) -> str:
    """Name the first of many and count the rest: `'a', 'b', 'c' and 7 more`."""
    shown = ", ".join(repr(name) for name in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


class RuleCrashed(AllotmentError):
    """A rule failed where it should have answered; what it would have found is not known."""

    code = "rule-crashed"
    exit_code = ExitCode.INTERNAL
