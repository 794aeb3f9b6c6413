"""Workflows: submit a canvas many times, wait for it, and see which worker ran what."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from celery import Celery, chain, group
from celery.exceptions import TimeoutError as ResultTimeout
from celery.result import AsyncResult, GroupResult

from allotment.engine.marks import Mark, read_mark
from allotment.engine.results import require_joins, require_results
from allotment.errors import ExpressionInvalid
from allotment.source.expression import Call, Step, Together
from allotment.source.expression import Sequence as InSequence

_LOOK = 0.5
_SETTLE = 5.0


@dataclass(frozen=True, slots=True)
class TaskRow:
    """What is predicted and what was seen of one task sent to one queue.

    `predicted` are the workers that consume the lane; `observed` counts the runs of each worker.
    """

    task: str
    queue: str | None
    lane: str | None
    predicted: tuple[str, ...]
    observed: Mapping[str, int]

    @property
    def agrees(self) -> bool:
        """Whether it ran, and only where it was predicted to."""
        return bool(self.observed) and set(self.observed) <= set(self.predicted)


@dataclass(frozen=True)
class RunReport:
    """The outcome of a number of workflows; `seconds` from the first publish to the last result or the giving up."""

    workflows: int
    finished: int
    seconds: float
    rows: tuple[TaskRow, ...]
    failures: Mapping[str, int]
    marks: tuple[Mark, ...] = field(repr=False)
    ids: tuple[str, ...] = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether every workflow finished and every task ran where it was predicted to."""
        return self.finished == self.workflows and all(row.agrees for row in self.rows)


def canvas(app: Celery, step: Step, queue: str | None) -> Any:
    """Build the canvas of an expression; with a queue, every task in it is sent there."""
    if isinstance(step, Call):
        signature = app.signature(step.task, args=step.args, kwargs=step.kwargs, app=app)
        return signature.set(queue=queue) if queue else signature
    parts = [canvas(app, inner, queue) for inner in step.steps]
    return chain(*parts, app=app) if isinstance(step, InSequence) else group(*parts, app=app)


def runs_side_by_side(step: Step) -> bool:
    """Say whether some of its steps run side by side."""
    if isinstance(step, Call):
        return False
    return isinstance(step, Together) or any(runs_side_by_side(inner) for inner in step.steps)


def check(app: Celery, step: Step, queue: str | None) -> None:
    """See that a workflow can be sent and waited for, before anything is sent.

    Raises PublishRefused if one of its tasks has no worker, ResultsUnavailable if the result backend cannot serve it,
    ExpressionInvalid if there is nothing to wait for.
    """
    if isinstance(step, Together):
        raise ExpressionInvalid("a workflow cannot be a group alone", hint="put a task after it: [A, B] | C")
    app.amqp.router.check(dict(canvas(app, step, queue)))
    (require_joins if _runs_side_by_side(step) else require_results)(app)


def _runs_side_by_side(step: Step) -> bool:
    return isinstance(step, Together) or (
        isinstance(step, InSequence) and any(_runs_side_by_side(inner) for inner in step.steps)
    )


def submit(app: Celery, step: Step, times: int, queue: str | None) -> list[Any]:
    """Send the workflow so many times; give the result of each. Raises as `check` does before the first is sent."""
    check(app, step, queue)
    return [canvas(app, step, queue).apply_async() for _ in range(times)]


def wait(
    results: Sequence[AsyncResult],
    timeout: float,
    stall: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Wait until all are done, `timeout` seconds are over, or for `stall` seconds nothing more has been done."""
    deadline = time.monotonic() + timeout
    moved = time.monotonic()
    pending = list(results)
    steps_done = -1
    while pending and time.monotonic() < deadline:
        try:
            pending[0].get(timeout=min(_LOOK, max(0.01, deadline - time.monotonic())), propagate=False)
        except ResultTimeout:
            done = sum(one.ready() for result in results for one in members(result)) if stall else 0
            if done > steps_done:
                steps_done, moved = done, time.monotonic()
            if stall is not None and time.monotonic() - moved > stall:
                return
            continue
        pending = pending[1:]
        moved = time.monotonic()
        if progress:
            progress(len(results) - len(pending))


def members(result: Any) -> Iterator[AsyncResult]:
    """Give the results of every task of a workflow, by what its last result knows of those before it."""
    while result is not None:
        if isinstance(result, GroupResult):
            for inner in result.results:
                yield from members(inner)
        else:
            yield result
        result = result.parent


def report(app: Celery, results: Sequence[AsyncResult], began: float, began_clock: float) -> RunReport:
    """Read what ran where from the results' marks.

    `began` is the monotonic clock at the first publish, `began_clock` the wall clock.
    """
    _settle(results)
    marks: list[Mark] = []
    failures: Counter[str] = Counter()
    ids = []
    for result in results:
        for one in members(result):
            ids.append(one.id)
            meta = one._get_task_meta()  # noqa: SLF001 - the stored metadata whole; Celery's properties leave the mark out
            mark = read_mark(meta)
            if mark:
                marks.append(mark)
            if one.state == "FAILURE":
                failures[f"{type(one.result).__name__}: {one.result}"] += 1
    finished = sum(1 for result in results if _succeeded(result))
    unfinished = finished < len(results)
    ended = time.monotonic() if unfinished or not marks else began + max(mark.ended for mark in marks) - began_clock
    return RunReport(
        len(results), finished, max(0.0, ended - began), rows(app, marks), failures, tuple(marks), tuple(ids)
    )


def _succeeded(result: Any) -> bool:
    """Say whether a workflow did: its last task, or all of the last ones where it ends in a group."""
    return bool(result.ready() and result.successful())


def _settle(results: Sequence[AsyncResult]) -> None:
    """Wait for the results of tasks whose workflow has succeeded: Celery publishes what follows before it stores them.

    See `celery/app/trace.py`, `trace_task`: the rest of the chain is sent, then `mark_as_done` is called.
    """
    deadline = time.monotonic() + _SETTLE
    for result in results:
        if _succeeded(result):
            for one in members(result):
                with suppress(ResultTimeout):
                    one.get(timeout=max(0.01, deadline - time.monotonic()), propagate=False)


def rows(app: Celery, marks: Sequence[Mark]) -> tuple[TaskRow, ...]:
    """Make a row for each task and queue, in the order in which they first ran."""
    plan = app.allotment.plan
    observed: dict[tuple[str, str | None, str | None], Counter[str]] = {}
    for mark in sorted(marks, key=lambda mark: mark.started or mark.ended):
        observed.setdefault((mark.task, mark.queue, mark.lane), Counter())[mark.worker] += 1
    return tuple(
        TaskRow(task, queue, lane, tuple(worker.name for worker in plan.consumers.get(lane, ())), dict(counts))
        for (task, queue, lane), counts in observed.items()
    )


def run(
    app: Celery,
    step: Step,
    times: int,
    queue: str | None = None,
    *,
    timeout: float,
    stall: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> RunReport:
    """Submit, wait and report. Raises PublishRefused before anything is sent."""
    began, began_clock = time.monotonic(), time.time()
    results = submit(app, step, times, queue)
    try:
        wait(results, timeout, stall, progress)
        return report(app, results, began, began_clock)
    finally:
        let_go(app, results)


def let_go(app: Celery, results: Sequence[AsyncResult]) -> None:
    """Unsubscribe from results."""
    for result in results:
        for one in members(result):
            app.backend.remove_pending_result(one)
