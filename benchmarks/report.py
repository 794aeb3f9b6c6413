"""The figures as a table and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Target

HEAD = ("workload", "figure", "value", "target", "", "spread")
BIG = 10_000
"""Counts from here on are shown whole."""


def table(results: Mapping[str, Sequence[Figure]]) -> str:
    """Give the table: a row for each figure."""
    rows = [HEAD, *(_row(workload, figure) for workload, figures in results.items() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _row(workload: str, figure: Figure) -> tuple[str, ...]:
    value, target = shown(figure.value, figure.unit), _target(figure.target, figure.unit)
    return workload, figure.name, value, target, figure.verdict, _spread(figure)


def shown(value: float, unit: str) -> str:
    """Write a value with three figures and its unit; short times as milliseconds or microseconds."""
    if unit == "s":
        for limit, factor, small in ((1e-3, 1e6, "µs"), (1, 1e3, "ms")):
            if value < limit:
                return f"{value * factor:.3g} {small}"
    number = f"{value:,.0f}" if value >= BIG or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".strip()


def _target(target: Target | None, unit: str) -> str:
    if target is None:
        return ""
    if target.least is None:
        return f"≤ {shown(target.most, unit)}"
    return f"{target.least:g} to {target.most:g}"


def _spread(figure: Figure) -> str:
    if len(figure.runs) < 2:
        return ""
    lower, upper = figure.spread
    return f"{shown(lower, figure.unit)} to {shown(upper, figure.unit)}, {len(figure.runs)} runs"


def document(results: Mapping[str, Sequence[Figure]], machine: Mapping[str, Any]) -> dict[str, Any]:
    """Give everything, each single run included, for programs."""
    return {
        "machine": dict(machine),
        "workloads": {name: [_as_json(figure) for figure in figures] for name, figures in results.items()},
    }


def _as_json(figure: Figure) -> dict[str, Any]:
    values = asdict(figure)
    runs = values.pop("runs")
    return values | {"verdict": figure.verdict or None, "spread": list(figure.spread), "runs": list(runs)}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the JSON file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
