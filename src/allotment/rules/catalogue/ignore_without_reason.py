"""A comment is to ignore a rule and does not: it gives no reason, no rule, or one that is not there."""

import re
from collections.abc import Iterator

from allotment.model.names import did_you_mean
from allotment.rules.ignoring import comments_in
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Ignore, Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH

_WITHOUT_BRACKETS = r"#\s*allot:\s*ignore\b(?!\[[^\]]*\])"
_WANTED = "write # allot: ignore[rule-name] and why it is as it should be"


def check(subject: Subject) -> Iterator[Finding]:
    """Find such comments; of several rules in one, each that is not there is told by itself."""
    for ignore in subject.ignores:
        for message, remedy in _faults(ignore, subject.rule_names):
            yield Finding(message, remedy, (Label(ignore.where, "it ignores nothing"),))
    for comment in comments_in(subject.document):
        if re.match(_WITHOUT_BRACKETS, comment.text):
            label = Label(comment.where, "it ignores nothing")
            yield Finding("this comment names no rule in brackets", _WANTED, (label,))


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
