"""Rules run over a fleet: what they find, in the file's order, without what a comment ignores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from allotment.errors import Where
from allotment.rules.rule import Finding, Rule, RuleCrashed
from allotment.rules.subject import Subject


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with the rule that made it, and where each of its labels stands in the files."""

    rule: Rule
    finding: Finding
    places: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and what was found and ignored."""

    found: tuple[Found, ...]
    ignored: tuple[Found, ...]


def run_rules(rules: Sequence[Rule], subject: Subject) -> Report:
    """Run the rules. Raises RuleCrashed if one fails: a rule that did not answer has not found nothing.

    Rules that judge what the others found are run after them.
    """
    found = [one for rule in rules if not rule.last for one in _run(rule, subject)]
    places = frozenset((where.file, where.line or 0, one.rule.name) for one in found for where in one.places[:1])
    informed = replace(subject, found_at=places, ran=frozenset(rule.name for rule in rules))
    found += (one for rule in rules if rule.last for one in _run(rule, informed))
    found.sort(key=_order)
    reasons = {(one.file, one.target, rule) for one in subject.ignores if one.reason for rule in one.rules}
    ignored = [not one.rule.proof and _is_at(one, reasons) for one in found]
    return Report(
        tuple(one for one, away in zip(found, ignored, strict=True) if not away),
        tuple(one for one, away in zip(found, ignored, strict=True) if away),
    )


def _run(rule: Rule, subject: Subject) -> list[Found]:
    try:
        return [_found(rule, finding, _places(subject, finding)) for finding in rule.check(subject)]
    except Exception as error:
        raise RuleCrashed(
            f"the rule {rule.name} crashed: {type(error).__name__}: {error}",
            hint=f"this is a fault of Allotment; please report it. --ignore {rule.name} leaves the rule out",
        ) from error


def _found(rule: Rule, finding: Finding, places: tuple[Where, ...]) -> Found:
    """Give what a rule found; a Python file is not edited."""
    if any(where.file.endswith(".py") for where in places[:1]):
        finding = replace(finding, edits=())
    return Found(rule, finding, places)


def _places(subject: Subject, finding: Finding) -> tuple[Where, ...]:
    places = (label.path for label in finding.labels)
    return tuple(place if isinstance(place, Where) else subject.document.place_of(place) for place in places)


def _order(found: Found) -> tuple[str, int, int, str]:
    where = found.places[0] if found.places else Where("")
    return (where.file, where.line or 0, where.column or 0, found.rule.name)


def _is_at(found: Found, ignored: set[tuple[str, int, str]]) -> bool:
    """Say whether a finding is at one of these: files, lines and rules."""
    where = found.places[0] if found.places else None
    return where is not None and (where.file, where.line or 0, found.rule.name) in ignored
