"""RabbitMQ closes a worker's channel before a task that is acknowledged late must be done, and delivers it again."""

from collections.abc import Iterator

from allotment.model.quantities import show_duration
from allotment.rules.figures import number_of
from allotment.rules.limits import Run
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.MEDIUM

DEFAULT = 1800.0
"""Seconds that RabbitMQ waits for an acknowledgement where nobody says."""
_OF_QUEUE = "x-consumer-timeout"


def check(subject: Subject) -> Iterator[Finding]:
    """Find limits of tasks acknowledged late that are as long as RabbitMQ waits; one finding for each timeout."""
    if not subject.on_rabbitmq:
        return
    longest: dict[tuple[float, Path], Run] = {}
    for run in subject.runs_and_patterns:
        said = _timeout(subject, run.queue)
        if max(said[0], _hard(longest.get(said))) <= _hard(run) and subject.is_late(run.tasks[0], run.profile):
            longest[said] = run
    for (timeout, path), run in longest.items():
        yield _finding(subject, run, timeout, path)


def _hard(run: Run | None) -> float:
    return (run.limits.hard if run else None) or 0.0


def _timeout(subject: Subject, queue: str) -> tuple[float, Path]:
    """Give how long RabbitMQ waits for an acknowledgement of a queue's messages, and the place that says so."""
    own = number_of(subject.model.queues[queue].arguments.get(_OF_QUEUE))
    if own is not None:
        return own / 1000, ("queues", queue, "arguments", _OF_QUEUE)
    return subject.model.consumer_timeout or DEFAULT, ("consumer_timeout",)


def _finding(subject: Subject, run: Run, timeout: float, path: Path) -> Finding:
    task, hard = run.tasks[0], show_duration(_hard(run))
    labels = [
        Label(run.limits.hard_path, f"{task.name} may take {hard}"),
        Label((*subject.of_task(task), "delivery"), "acknowledged when it is done"),
    ]
    if subject.written(*path):
        labels.insert(0, Label(path, f"no longer than {show_duration(timeout)}"))
    where = "its queue's x-consumer-timeout" if path[-1] == _OF_QUEUE else "consumer_timeout in rabbitmq.conf and here"
    return Finding(
        f"{task.name!r} may take {hard} and is acknowledged when it is done, and RabbitMQ waits"
        f" {show_duration(timeout)} for that",
        f"set {where} to more than {hard}, or give the task a shorter time_limit",
        tuple(labels),
    )
