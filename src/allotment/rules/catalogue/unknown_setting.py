"""A setting has a name that Celery does not have, so it sets nothing."""

from collections.abc import Iterator

from allotment.model.names import nearest
from allotment.rules.rule import Confidence, Edit, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.checks import DECIDED_BY_THE_FLEET

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

NEAR = 0.85
"""How like a name must be to one of Celery's to be taken for it: a slip of the pen, not another word."""

_OWN = ("task", "worker", "broker", "result", "event")
"""How most names of Celery's begin, and those of hardly any other package."""

_OF_GUIDES = ("worker_autoscale_max", "worker_autoscale_min")
"""What guides set and Celery never had: nothing changes when it goes."""

_SAID_ELSEWHERE = {
    **dict.fromkeys(_OF_GUIDES, "remove it, and write autoscale: {min: …, max: …} in the profile that is to scale"),
    "visibility_timeout": "write visibility_timeout: beside settings:, not below it",
    "broker_visibility_timeout": "write visibility_timeout: beside settings:, not below it",
    "consumer_timeout": "write consumer_timeout: beside settings:, not below it",
}
"""What is no setting of Celery's and has a key of its own in the fleet file."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find names that are meant for Celery: like one of its settings, or beginning as they do.

    A name that is neither may be another package's, and so may one that begins with `beat_`: schedulers that stand in
    for Celery's read settings of their own.
    """
    known = subject.setting_names or frozenset()
    for name in subject.model.settings:
        if known and name not in known and (_remedy(name, known) or name.startswith(_OWN)):
            yield _in_file(subject, name, known)
    unknown = subject.app.unknown if subject.app else ()
    for name in unknown:
        remedy = _remedy(name, known)
        if name not in subject.model.settings and (remedy or not name.startswith("beat_")):
            yield Finding(
                f"the app sets {name!r}, which Celery does not have",
                remedy or "correct the name in the app, or remove it",
                (Label(("app",), "this app sets it"),),
            )


def _in_file(subject: Subject, name: str, known: frozenset[str]) -> Finding:
    path = ("settings", name)
    remedy = _remedy(name, known)
    return Finding(
        f"Celery has no setting {name!r}",
        remedy or "remove it: Celery passes it over",
        (Label(subject.document.where(path, key=True), "it sets nothing"),),
        (Edit(path, None),) if remedy is None or name in _OF_GUIDES else (),
    )


def _remedy(name: str, known: frozenset[str]) -> str | None:
    """Say what to write in place of a name; None where nothing tells what was meant."""
    if name in _SAID_ELSEWHERE:
        return _SAID_ELSEWHERE[name]
    near = _meant(name, known)
    key = DECIDED_BY_THE_FLEET.get(near or "")
    return near and (f"write {key}: beside settings:" if key else f"write {near}")


def _meant(name: str, known: frozenset[str]) -> str | None:
    from difflib import SequenceMatcher  # noqa: PLC0415 - only a name that is wrong pays for it

    near = nearest(name, known)
    if near and SequenceMatcher(None, name, near).ratio() >= NEAR:
        return near
    beginning = next((f"{own}_{name}" for own in _OWN if f"{own}_{name}" in known), None)
    longer = [one for one in known if one.startswith(f"{name}_")]
    return beginning or (longer[0] if len(longer) == 1 else None)
