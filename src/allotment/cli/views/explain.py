"""What `allot explain` shows."""

from dataclasses import asdict

import click

from allotment.cli.output import print_json
from allotment.plan.explain import Explanation


def as_text(explanation: Explanation) -> None:
    """Print the way of a task, a fact a line."""
    rows: list[tuple[str, str]] = [
        ("task", explanation.task + ("" if explanation.known else " (not an app's task here; named by the file)")),
        ("queue", f"{explanation.queue or 'none'}, decided by {explanation.decided_by}"),
    ]
    rows += [
        ("step" if number == 0 else "", f"{step:<7}  {says}") for number, (step, says) in enumerate(explanation.steps)
    ]
    if explanation.refused:
        rows.append(("refused", explanation.refused))
    else:
        rows += [
            ("lane", f"{explanation.lane} at the broker"),
            ("exchange", f"{explanation.exchange}, key {explanation.routing_key} (for producers that know no lanes)"),
            ("workers", ", ".join(explanation.takers)),
        ]
    rows += [("not", reason) for _, reason in explanation.others]
    if explanation.would_do:
        rows.append(("queues", f"{', '.join(explanation.would_do)} would do"))
    for name, text in rows:
        click.echo(f"{name:>9}  {text}")


def as_json(explanation: Explanation) -> None:
    """Print the same for programs."""
    document = asdict(explanation)
    document["steps"] = [{"step": step, "says": says} for step, says in explanation.steps]
    document["others"] = [{"profile": profile, "reason": reason} for profile, reason in explanation.others]
    print_json(document)
