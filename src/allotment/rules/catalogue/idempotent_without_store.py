"""Tasks are to be idempotent, and there is no server that can keep their keys, so their workers do not start."""

from collections.abc import Iterator

from allotment.model.address import NO_RESULTS
from allotment.rules.rule import Confidence, Finding, Label, Severity, a_few
from allotment.rules.subject import Subject
from allotment.source.document import Path

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_MOST_LABELS = 3
"""How many entries are pointed at; the message counts the rest."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find entries with `idempotent:` in a fleet that sends to RabbitMQ and keeps results nowhere near Redis."""
    keys = [entry.key for entry in subject.model.entries if entry.idempotent is not None]
    if not keys or not subject.on_rabbitmq:
        return
    found = _results(subject)
    if found is not None:
        where, words = found
        labels = [Label(("tasks", key, "idempotent"), "needs a store") for key in keys[:_MOST_LABELS]]
        yield Finding(
            f"{a_few(keys)} should be idempotent, but {words}, and the broker is RabbitMQ: nothing can keep the keys,"
            " and no worker that registers them starts",
            "keep results in Redis or Valkey, with results: redis://… or results: embedded",
            (Label(where, words), *labels),
        )


def _results(subject: Subject) -> tuple[Path, str] | None:
    """Give the place that decides on the results, and where they go; None: to a server of the Redis family."""
    results = subject.model.results
    if results is None:
        return ("broker",), "results go to the caller alone"
    if results.speaks_redis:
        return None
    if results.value == NO_RESULTS:
        return ("results",), "no results are kept"
    return ("results",), "results go to the caller alone" if results.scheme == "rpc" else "results are in no Redis"
