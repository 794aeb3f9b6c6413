"""A task that is to be run at least once goes to a queue of which the file does not know that."""

from collections.abc import Iterator

from allotment.model.task import Delivery
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.HIGH


def check(subject: Subject) -> Iterator[Finding]:
    """Find tasks with `delivery: at-least-once` that the app's own routes send elsewhere; one finding a queue."""
    for queue, tasks in subject.tasks_by_queue.items():
        promised = [task for task in tasks if task.entry and task.entry.delivery is Delivery.AT_LEAST_ONCE]
        if promised and queue not in subject.plan.safe:
            yield Finding(
                f"{a_few([task.name for task in promised])} should be run at least once, and the app's routes send"
                f" them to {queue!r}, which is kept like any other queue: the file does not say that they go there",
                f"write queue: {queue} in the entry, beside delivery: at-least-once",
                (
                    Label((*subject.of_task(promised[0]), "delivery"), "at least once"),
                    Label(subject.of_queue(queue), "nothing sets aside what is delivered again and again"),
                ),
            )
