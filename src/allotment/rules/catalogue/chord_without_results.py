"""A chord is used, and the results are kept where no chord can find them."""

from collections.abc import Iterator

from allotment.model.address import NO_RESULTS
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.MEDIUM

CHORDS = frozenset({"celery.chord", "celery.chord_unlock"})
"""The tasks of Celery's own that only chords use."""

_CANNOT = {
    "none": "no results are kept",
    "disabled": "no results are kept",
    "rpc": "rpc:// results go to the caller alone",
}
"""The backends whose `ensure_chords_allowed` refuses (`celery/backends/base.py`, `rpc.py`)."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find fleets without results that a chord can wait for, where a module or the file names chords."""
    backend, path = _backend(subject)
    if backend not in _CANNOT:
        return
    named = [Label(("tasks", entry.key), "for chords") for entry in subject.model.entries if entry.key in CHORDS]
    sent = [entry.name for entry in subject.plan.beat if entry.task in CHORDS]
    if subject.chords_in or named or sent:
        used = f"chords are used in {a_few(subject.chords_in)}" if subject.chords_in else "chords are used"
        yield Finding(
            f"{used}, and {_CANNOT[backend]}: each chord fails when it is called",
            "keep results in Redis or a database, with results: redis://… or db+postgresql://…",
            (Label(path, _CANNOT[backend]), *named),
        )


def _backend(subject: Subject) -> tuple[str | None, Path]:
    """Give the scheme of where results go, and what decides it; None where that is not known."""
    results, broker = subject.model.results, subject.model.broker
    if results is not None:
        return (NO_RESULTS if results.value == NO_RESULTS else results.scheme), ("results",)
    if broker is not None:
        return (None if broker.speaks_redis else "rpc"), ("broker",)
    if subject.app is None:
        return None, ("app",)
    backend = subject.app.values.get("result_backend", "disabled")
    return (backend if isinstance(backend, str) else None), ("app",)
