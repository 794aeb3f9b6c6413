"""What `allot check` gives to programs: SARIF as its standard has it, and annotations as GitHub reads them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from allotment.cli.examining import Examined, examine
from allotment.cli.group import allot
from allotment.cli.views.findings import github_line
from allotment.cli.views.sarif import sarif
from allotment.errors import Where
from allotment.rules.registry import every_rule, rule_named
from allotment.rules.rule import Finding, Label
from allotment.rules.running import Found

FLEET = """\
tasks: {shop.reports.yearly: {queue: reports}}
profiles:
  reports:
    queues: [reports]
    concurrency: 4
    prefetch: 10 # allot: ignore[prefetch-on-long-tasks] they are all alike
    time_limit: 1h
  totals:
    queues: [reports]
    concurrency: 4
    prefetch: 9
    time_limit: 1h
visibility_timeout: 2h
"""


def record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Give the schema of an object that has these keys and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


def listed(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


# The part of SARIF 2.1.0 that is written here, by the standard's own tables (OASIS, sections 3.13 to 3.52).
TEXT = {"type": "string", "minLength": 1}
MESSAGE = record({"text": TEXT}, markdown=TEXT)
PLACE = {"type": "integer", "minimum": 1}
REGION = record({"startLine": PLACE, "startColumn": PLACE}, endLine=PLACE, endColumn=PLACE)
PHYSICAL = record({"artifactLocation": record({"uri": {"type": "string", "pattern": "^[^ \\\\]+$"}}), "region": REGION})
LOCATION = record({"physicalLocation": PHYSICAL}, message=MESSAGE, id={"type": "integer", "minimum": 0})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RESULT = record(
    {"ruleId": TEXT, "message": MESSAGE},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    locations=listed(LOCATION),
    relatedLocations=listed(LOCATION),
    suppressions=listed(record({"kind": {"enum": ["inSource", "external"]}})),
)
RULE = record(
    {"id": TEXT},
    shortDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=record({}, level=LEVEL),
    properties={"type": "object"},
)
NOTIFICATION = record({"message": MESSAGE}, level=LEVEL, locations=listed(LOCATION), descriptor=record({"id": TEXT}))
RUN = record(
    {"tool": record({"driver": record({"name": TEXT}, version=TEXT, rules=listed(RULE))})},
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations=listed(
        record({"executionSuccessful": {"type": "boolean"}}, toolExecutionNotifications=listed(NOTIFICATION))
    ),
    results=listed(RESULT),
)
LOG = record({"version": {"enum": ["2.1.0"]}, "runs": listed(RUN)}, **{"$schema": TEXT})


@pytest.fixture
def examined(tmp_path: Path) -> Examined:
    path = tmp_path / "a fleet.yaml"
    path.write_text(FLEET)
    return examine(path, None, [rule_named("prefetch-on-long-tasks")])


def test_sarif_is_as_its_standard_has_it(examined: Examined) -> None:
    log = json.loads(json.dumps(sarif(examined, every_rule())))
    jsonschema.validate(log, LOG)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.name for rule in every_rule()]
    found, ignored = run["results"]
    assert rules[found["ruleIndex"]]["id"] == found["ruleId"] == "prefetch-on-long-tasks"
    place = found["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 11, "startColumn": 15, "endLine": 11, "endColumn": 16}
    assert place["artifactLocation"]["uri"].endswith("/a%20fleet.yaml")
    assert found["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 12
    assert "suppressions" not in found
    assert ignored["suppressions"] == [{"kind": "inSource"}]
    assert ignored["locations"][0]["physicalLocation"]["region"]["startLine"] == 6


def test_github_is_told_the_place_and_no_text_can_say_more_than_it_should() -> None:
    rule = rule_named("prefetch-on-long-tasks")
    where = Where("a,b:c.yaml", 3, 5, 3, 9)
    finding = Finding("100 %\n::error::no", "mend it", (Label(("x",), "here"),))
    line = github_line(Found(rule, finding, (where,)))
    assert line == (
        "::warning file=a%2Cb%3Ac.yaml,line=3,col=5,endColumn=8,title=prefetch-on-long-tasks"
        "::100 %25%0A::error::no. mend it"
    )


def test_a_file_that_cannot_be_read_is_told_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text("profiles:\n  a: {queues: [q], prefetch: none}\n")
    run = CliRunner()
    log = json.loads(run.invoke(allot, ["check", "-f", str(path), "--format", "sarif"]).stdout)
    jsonschema.validate(log, LOG)
    (invocation,) = log["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert told["descriptor"]["id"] == "bad-value"
    assert told["locations"][0]["physicalLocation"]["region"]["startLine"] == 2
    done = run.invoke(allot, ["check", "-f", str(path), "--format", "github"])
    assert done.exit_code == 2
    assert done.stdout.startswith(f"::error file={path},line=2,col=30,endColumn=33,title=bad-value::")
