"""A comment is to ignore a rule and does not: it gives no reason, no rule, or one that is not there."""

import re
from collections.abc import Iterator

from allotment.errors import Where
from allotment.model.names import did_you_mean
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Ignore, Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

_WITHOUT_BRACKETS = r"(?:^|(?<=\s))#\s*allot:\s*ignore\b(?!\[[^\]]*\]).*"
_WANTED = "write # allot: ignore[rule-name] and why it is as it should be"


def check(subject: Subject) -> Iterator[Finding]:
    """Find such comments; of several rules in one, each that is not there is told by itself."""
    for ignore in subject.ignores:
        for message, remedy in _faults(ignore, subject.rule_names):
            yield Finding(message, remedy, (Label(ignore.where, "it ignores nothing"),))
    for file, text in subject.document.texts.items():
        for number, line in enumerate(text.splitlines() if "allot:" in text else (), 1):
            found = re.search(_WITHOUT_BRACKETS, line)
            if found:
                where = Where(file, number, found.start() + 1, number, found.end() + 1)
                yield Finding("this comment names no rule in brackets", _WANTED, (Label(where, "it ignores nothing"),))


def _faults(ignore: Ignore, rules: frozenset[str]) -> Iterator[tuple[str, str]]:
    if not ignore.rules:
        yield "this comment names no rule in brackets", _WANTED
    elif not ignore.reason:
        yield (
            f"this comment gives no reason for ignoring {', '.join(ignore.rules)}",
            "write the reason after the bracket",
        )
    for name in ignore.rules:
        if name not in rules:
            hint = did_you_mean(name, rules, otherwise="`allot docs rule` lists the rules")
            yield f"there is no rule {name!r} to ignore", hint
