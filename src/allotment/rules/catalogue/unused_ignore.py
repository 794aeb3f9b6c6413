"""A comment ignores a rule that finds nothing there."""

from collections.abc import Iterator

from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Ignore, Subject

SEVERITY = Severity.ADVICE
CONFIDENCE = Confidence.HIGH
LAST = True

_OWN = "unused-ignore"


def check(subject: Subject) -> Iterator[Finding]:
    """Find comments for rules that were run and found nothing on their line; faulty comments are another rule's."""
    for ignore in subject.ignores:
        unused = [name for name in ignore.rules if _is_unused(subject, ignore, name)] if ignore.reason else []
        if unused:
            rest = len(unused) < len(ignore.rules)
            yield Finding(
                f"{', '.join(unused)} would find nothing here",
                f"take {', '.join(unused)} out of the brackets" if rest else "remove the comment",
                (Label(ignore.where, f"it is for line {ignore.target}"),),
            )


def _is_unused(subject: Subject, ignore: Ignore, name: str) -> bool:
    asked = name in subject.ran and name != _OWN
    return asked and (ignore.file, ignore.target, name) not in subject.found_at
