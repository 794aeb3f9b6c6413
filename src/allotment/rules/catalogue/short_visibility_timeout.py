"""The broker delivers a message again before the task that holds it up must be done, and it runs twice."""

from collections.abc import Iterator, Mapping
from math import ceil

from allotment.model.quantities import show_duration
from allotment.plan.delivery import SPARE, VISIBILITY_TIMEOUT, visibility_timeout
from allotment.rules.figures import more_than_none
from allotment.rules.limits import Run
from allotment.rules.rule import Confidence, Edit, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

HOUR = 3600.0
_OPTION = ("settings", "broker_transport_options", "visibility_timeout")


def check(subject: Subject) -> Iterator[Finding]:
    """Find that the longest limit of any task is over the visibility timeout; one finding a fleet."""
    longest = max((run for run in subject.runs_and_patterns if run.limits.hard), key=_hard, default=None)
    if longest is None or not subject.on_redis:
        return
    timeout, path = _timeout(subject)
    if _hard(longest) > timeout:
        yield _finding(subject, longest, timeout, path)


def _hard(run: Run) -> float:
    return run.limits.hard or 0.0


def _timeout(subject: Subject) -> tuple[float, Path | None]:
    """Give the visibility timeout, and the place that says it; None: the app does, or it follows."""
    if subject.model.visibility_timeout is not None:
        return subject.model.visibility_timeout, ("visibility_timeout",)
    of_app = subject.app.values if subject.app else {}
    for settings, path in ((subject.model.settings, _OPTION), (of_app, None)):
        options = settings.get("broker_transport_options")
        seconds = more_than_none(options.get("visibility_timeout")) if isinstance(options, Mapping) else None
        if seconds is not None:
            return seconds, path
    return visibility_timeout(subject.model) or VISIBILITY_TIMEOUT, None


def _finding(subject: Subject, longest: Run, timeout: float, path: Path | None) -> Finding:
    task, hard = longest.tasks[0], show_duration(_hard(longest))
    late = any(subject.is_late(run.tasks[0], run.profile) for run in subject.runs_and_patterns if _hard(run) > timeout)
    twice = "a task acknowledged late is" if late else "what waits behind it is"
    enough = f"{ceil(_hard(longest) * SPARE / HOUR)}h"
    labels = [Label(longest.limits.hard_path, f"{task.name} may take {hard}")]
    if path:
        labels.insert(0, Label(path, f"after {show_duration(timeout)} it is delivered again"))
    return Finding(
        f"{task.name!r} may take {hard}, and the broker delivers again what is not acknowledged after"
        f" {show_duration(timeout)}: {twice} then run twice",
        f"set visibility_timeout: {enough} at the top of the file",
        tuple(labels),
        (Edit(("visibility_timeout",), enough),),
    )
