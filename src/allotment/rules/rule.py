"""A rule and what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path as FilePath

from allotment.errors import AllotmentError, ExitCode
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
    """A place in the file and what it says in the matter: a plain value, or the key of a mapping or list."""

    path: Path
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

    `last`: it judges what the other rules found, and is run after them.
    """

    name: str
    summary: str
    severity: Severity
    confidence: Confidence
    check: Callable[[Subject], Iterator[Finding]]
    page: FilePath
    last: bool = False


class RuleCrashed(AllotmentError):
    """A rule failed where it should have answered; what it would have found is not known."""

    code = "rule-crashed"
    exit_code = ExitCode.INTERNAL
