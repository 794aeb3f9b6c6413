"""A task is sent where no worker can run it."""

from collections.abc import Iterator

from allotment.model.quantities import counted
from allotment.plan.proof import CounterExample
from allotment.plan.routing import Step
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH
PROOF = True

_SAYS: dict[str | int, str] = {
    "tasks": "names it, and no queue",
    "profiles": "takes from the queue, and cannot run it",
}

_KEYS: dict[Step, Path] = {Step.WORDS: ("route_by_resource",), Step.DEFAULT: ("default_queue",)}
"""The keys of the file that decide where a task goes that has no entry."""


def check(subject: Subject) -> Iterator[Finding]:
    """Give what stands against the proof and is about a task; tasks that fail in the same way are one finding."""
    for example in subject.proof.counter_examples:
        if example.task is None:
            continue
        others = f" and {counted(example.others, 'other task')}" if example.others else ""
        queue = f" from the queue {example.queue!r}" if example.queue else ""
        yield Finding(
            f"{example.task!r}{others} cannot be run{queue}: {example.reason}",
            _remedy(subject, example),
            tuple(Label(path, text) for path, text in _places(subject, example).items()),
        )


def _sent_by_beat(example: CounterExample) -> bool:
    return not example.path and example.reason.startswith("the beat entry ")


def _remedy(subject: Subject, example: CounterExample) -> str:
    mend = example.mend
    joined = mend if mend.endswith("?") else f"{mend};"
    if _sent_by_beat(example):
        return mend if mend.startswith("correct") else f"{joined} correct the app's beat schedule"
    if example.queue is None or subject.consumers_of(example.queue) or mend.startswith("add "):
        return mend
    return f"{joined} or add {example.queue!r} to the queues of a profile that a node runs"


def _places(subject: Subject, example: CounterExample) -> dict[Path, str]:
    """Give the places to show, the one to mend first: what the proof names, what sends the task, who cannot run it."""
    found: dict[Path, str] = {}
    sender = _sender(subject, example)
    if example.path and sender[:2] != example.path:
        found[example.path] = _SAYS.get(example.path[0], example.reason)
    found[sender] = f"sends it to {example.queue!r}" if example.queue else "says no queue for it"
    if example.worker is not None:
        profile = ("profiles", example.worker.rpartition("@")[0].rpartition("-")[0])
        found.setdefault(profile, _SAYS["profiles"])
    return found


def _sender(subject: Subject, example: CounterExample) -> Path:
    """Give the place that decides where the task goes."""
    task = None if _sent_by_beat(example) else subject.plan.tasks.get(example.task or "")
    if task is None or task.step is Step.APP:
        return ("app",)
    if task.step in _KEYS:
        return _KEYS[task.step]
    if task.step is Step.ONLY and task.queue is not None:
        return subject.of_queue(task.queue)
    entry = subject.of_task(task)
    if task.step is Step.ENTRY:
        return (*entry, "queue")
    return entry if subject.written("tasks") else ("app",)
