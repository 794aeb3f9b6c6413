"""One cold run in a process of its own: read a fleet file, plan it, prove it, and print how long each took.

Arguments: the fleet file, and a file with a task's name in each line.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

from allotment.model.task import KnownTask
from allotment.plan.plan import compile_plan
from allotment.plan.proof import prove
from allotment.source.fleet_file import read_fleet_file


def main() -> None:
    """Do it; a fleet that is not proved is no fair figure, so that is an error."""
    fleet, names = (Path(argument) for argument in sys.argv[1:3])
    known = [KnownTask(name) for name in names.read_text(encoding="utf-8").split()]
    started = perf_counter()
    model = read_fleet_file(fleet, {}).model
    read = perf_counter()
    plan = compile_plan(model, known)
    planned = perf_counter()
    proof = prove(plan)
    proved = perf_counter()
    if not proof.holds:
        raise SystemExit(f"not proved: {proof.counter_examples[0]}")
    outcome = {
        "read": read - started,
        "plan": planned - read,
        "prove": proved - planned,
        "tasks": len(plan.tasks),
        "queues": len(plan.queues),
        "lanes": len(plan.lanes),
        "split": sum(lanes.split for lanes in plan.queues.values()),
        "workers": len(plan.workers),
        "pairs": proof.pairs,
        "sets": len({task.able for task in plan.tasks.values()}),
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
