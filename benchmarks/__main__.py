"""`python -m benchmarks`: run the workloads, print the table, write the results."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.machine import facts, facts_line
from benchmarks.registry import Workload, all_workloads
from benchmarks.report import document, table, write

LATEST = Path(__file__).parent / "results" / "latest.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 also where a target is missed, 1 where a workload broke, 2 for a wrong argument."""
    found = all_workloads()
    parser = _parser(found)
    options = parser.parse_args(arguments)
    chosen = [one for one in found if not options.only or any(one.answers_to(name) for name in options.only)]
    for name in options.only:
        if not any(one.answers_to(name) for one in found):
            parser.error(f"there is no workload {name!r}; there is {', '.join(one.name for one in found)}")
    machine = facts()
    print(facts_line(), flush=True)
    results, broken = _measure(chosen)
    print(f"\n{table(results)}")
    path = options.json or (LATEST if len(chosen) == len(found) and not broken else None)
    if path:
        write(path, document(results, machine))
        print(f"\nwritten: {path}")
    missed = sum(figure.verdict == "MISSED" for figures in results.values() for figure in figures)
    print(f"\n{missed} targets missed" + (f"; broken: {', '.join(broken)}" if broken else ""))
    return 1 if broken else 0


def _measure(chosen: Sequence[Workload]) -> tuple[dict[str, list[Figure]], list[str]]:
    results: dict[str, list[Figure]] = {}
    broken: list[str] = []
    for workload in chosen:
        print(f"{workload.name}: {workload.about}", file=sys.stderr, flush=True)
        results[workload.name] = []
        try:
            results[workload.name] += workload.measure()
        except Exception:  # noqa: BLE001 - the other workloads can still be measured
            traceback.print_exc()
            broken.append(workload.name)
    return results, broken


def _parser(found: Sequence[Workload]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what Allotment promises about speed. A missed target shows as MISSED and is no failure.",
        epilog="workloads:\n" + "\n".join(f"  {one.name:<12} {one.about}" for one in found),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="measure this workload; repeatable")
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        help="write the results there; left out, a run of all workloads writes benchmarks/results/latest.json",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
