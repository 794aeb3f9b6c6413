"""What `allot check` shows."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from allotment.cli.loading import LoadedFleet
from allotment.cli.output import error_document, print_json, show_errors
from allotment.errors import FileProblem
from allotment.model.quantities import counted
from allotment.plan.proof import CounterExample, Proof


def as_text(loaded: LoadedFleet, proof: Proof, unknown: Sequence[FileProblem]) -> None:
    """Print the outcome for people; what stands against the proof goes to standard error, at its place in the file."""
    for problem in unknown:
        show_errors(problem)
    for example in proof.counter_examples:
        show_errors(as_problem(loaded, example))
    plan = loaded.plan
    parts = (("task", plan.tasks), ("queue", plan.queues), ("lane", plan.lanes), ("worker", plan.workers))
    size = ", ".join(counted(len(values), noun) for noun, values in parts)
    if proof.holds:
        pairs = counted(proof.pairs, "pair")
        click.echo(f"proved: {pairs} of task and queue, each reaches only workers that can run it ({size})")
    else:
        click.echo(f"not proved: {counted(len(proof.counter_examples), 'counter-example')} ({size})")


def as_json(loaded: LoadedFleet, proof: Proof, unknown: Sequence[FileProblem]) -> None:
    """Print the outcome for programs."""
    plan = loaded.plan
    print_json(
        {
            "file": str(loaded.file.path),
            "holds": proof.holds,
            "pairs": proof.pairs,
            "tasks": len(plan.tasks),
            "queues": len(plan.queues),
            "lanes": len(plan.lanes),
            "workers": len(plan.workers),
            "counter_examples": [
                asdict(example) | {"place": error_document(as_problem(loaded, example))}
                for example in proof.counter_examples
            ],
            "findings": [error_document(problem) for problem in unknown],
        }
    )


def as_problem(loaded: LoadedFleet, example: CounterExample) -> FileProblem:
    """Put a counter-example into words, at its place in the file."""
    others = f" (and {example.others} more like it)" if example.others else ""
    if example.task is None:
        message = example.reason
    else:
        sent = f" sent to {example.queue!r}" if example.queue else ""
        meets = f" may meet {example.worker}" if example.worker else ""
        message = f"task {example.task!r}{others}{sent}{meets}: {example.reason}"
    where = loaded.file.document.where(example.path, key=True)
    return FileProblem("proof-failed", message, where=where, hint=example.mend)
