"""Rules run over a fleet: what they find, in the file's order, without what a comment ignores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from allotment.errors import Where
from allotment.rules.rule import Finding, Rule, RuleCrashed
from allotment.rules.subject import Ignore, Subject


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
    ignored = [_ignored(one, subject.ignores) for one in found]
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


def _ignored(found: Found, ignores: Sequence[Ignore]) -> bool:
    where = found.places[0] if found.places else None
    return where is not None and any(
        ignore.file == where.file and ignore.target == where.line and found.rule.name in ignore.rules and ignore.reason
        for ignore in ignores
    )
