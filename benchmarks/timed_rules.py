"""One cold run in a process of its own: check a fleet file with every rule, and print how long it took.

Argument: the fleet file, which names all its tasks.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

from allotment.cli.loading import load
from allotment.plan.proof import prove
from allotment.rules.ignoring import ignores_in
from allotment.rules.registry import every_rule
from allotment.rules.running import run_rules
from allotment.rules.subject import Subject


def main() -> None:
    """Do it as `allot check` does."""
    started = perf_counter()
    loaded = load(Path(sys.argv[1]))
    proof = prove(loaded.plan)
    proved = perf_counter()
    rules = every_rule()
    imported = perf_counter()
    document = loaded.file.document
    subject = Subject(
        document,
        loaded.plan,
        proof,
        ignores=ignores_in(document),
        rule_names=frozenset(rule.name for rule in rules),
    )
    report = run_rules(rules, subject)
    ended = perf_counter()
    outcome = {
        "before": proved - started,
        "import": imported - proved,
        "rules": ended - imported,
        "whole": ended - started,
        "count": len(rules),
        "found": len(report.found),
        "tasks": len(loaded.plan.tasks),
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
