"""What `allot explain` shows."""

from collections.abc import Mapping
from dataclasses import asdict

import click

from allotment.cli.output import print_json
from allotment.model.quantities import counted
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
        rows += [
            ("delivery" if number == 0 else "", line)
            for number, line in enumerate(_delivery(explanation.delivery, explanation.delivery_limit))
        ]
    rows += [("not", reason) for _, reason in explanation.others]
    if explanation.would_do:
        rows.append(("queues", f"{', '.join(explanation.would_do)} would do"))
    for name, text in rows:
        click.echo(f"{name:>9}  {text}")


_AFTER_A_CRASH = {
    "at-least-once": "at least once: run again where its worker dies",
    "at-most-once": "at most once: not run again where its worker dies",
    None: "as the app says",
}


def _delivery(ways: Mapping[str, str | None], limit: int | None) -> list[str]:
    """Say how a task is delivered: in a line, or in one for each profile where they differ."""
    different = len(set(ways.values())) > 1
    lines = [f"{profile}: {_AFTER_A_CRASH[way]}" for profile, way in ways.items()] if different else []
    lines = lines or [_AFTER_A_CRASH[way] for way in list(ways.values())[:1]]
    return lines + ([f"set aside when it was delivered {counted(limit, 'time')}"] if limit and lines else [])


def as_json(explanation: Explanation) -> None:
    """Print the same for programs."""
    document = asdict(explanation)
    document["steps"] = [{"step": step, "says": says} for step, says in explanation.steps]
    document["others"] = [{"profile": profile, "reason": reason} for profile, reason in explanation.others]
    print_json(document)
