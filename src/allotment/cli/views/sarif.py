"""Findings as SARIF 2.1.0, which code scanning services read (OASIS, "Static Analysis Results Interchange Format")."""

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from allotment import __version__
from allotment.cli.examining import Examined
from allotment.errors import AllotmentError, Where
from allotment.rules.rule import Confidence, Rule, Severity
from allotment.rules.running import Found

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}
_PRECISIONS = {Confidence.HIGH: "very-high", Confidence.MEDIUM: "high", Confidence.LOW: "medium"}


def sarif(examined: Examined, rules: Sequence[Rule]) -> dict[str, Any]:
    """Give the log: the rules that were run, what they found, and what comments ignore as suppressed."""
    places = {rule.name: number for number, rule in enumerate(rules)}
    results = [_result(found, places) for found in examined.report.found]
    results += [_result(found, places) | {"suppressions": [{"kind": "inSource"}]} for found in examined.report.ignored]
    return _log([_rule(rule) for rule in rules], results, {"executionSuccessful": True})


def failure(error: AllotmentError) -> dict[str, Any]:
    """Give the log of a run that could not be made, with what stood in its way."""
    notifications = [
        {
            "level": "error",
            "descriptor": {"id": part.code},
            "message": {"text": f"{part.message}. {part.hint or ''}".rstrip()},
        }
        | ({"locations": [_location(part.where, part.message)]} if part.where else {})
        for part in error.parts()
    ]
    return _log([], [], {"executionSuccessful": False, "toolExecutionNotifications": notifications})


def _log(rules: list[Any], results: list[Any], invocation: dict[str, Any]) -> dict[str, Any]:
    driver = {"name": "allotment", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": results,
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.summary, "markdown": rule.page.read_text(encoding="utf-8")},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"precision": _PRECISIONS[rule.confidence], "tags": ["celery"]},
    }


def _result(found: Found, places: dict[str, int]) -> dict[str, Any]:
    locations = [_location(where, label.text) for label, where in zip(found.finding.labels, found.places, strict=True)]
    result: dict[str, Any] = {
        "ruleId": found.rule.name,
        "ruleIndex": places[found.rule.name],
        "level": _LEVELS[found.rule.severity],
        "message": {"text": f"{found.finding.message}. {found.finding.remedy}"},
        "locations": locations[:1],
    }
    if locations[1:]:
        result["relatedLocations"] = [{"id": number, **one} for number, one in enumerate(locations[1:], 1)]
    return result


def _location(where: Where, text: str) -> dict[str, Any]:
    region = {
        "startLine": where.line,
        "startColumn": where.column,
        "endLine": where.end_line,
        "endColumn": where.end_column,
    }
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(where.file)},
            "region": {key: value for key, value in region.items() if value is not None},
        },
        "message": {"text": text},
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return Path(file).as_uri() if path.is_absolute() else quote(path.as_posix())
