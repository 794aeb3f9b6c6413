"""The whole diagnosis, check by check, in the order in which they are made."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from allotment.engine.diagnosis.server import server_checks
from allotment.engine.diagnosis.subject import NO_RESULTS, Subject
from allotment.local.diagnosis.check import Check, Status, in_group
from allotment.local.diagnosis.embedded import embedded_held
from allotment.local.diagnosis.stand_ins import judged_together
from allotment.local.diagnosis.surroundings import Surroundings
from allotment.local.diagnosis.versions import versions
from allotment.model.address import each_url

_RESULTS = "results"


def diagnose(subject: Subject, around: Surroundings, timeout: float, node: Iterable[Check] = ()) -> Iterator[Check]:
    """Look at this place, the broker, the results and the node; `timeout` is in seconds, for each step."""
    yield from in_group("here", _here(subject, around))
    with ExitStack() as held:
        if subject.embedded is not None:
            found = held.enter_context(embedded_held(subject.embedded))
            yield from in_group("here", (found,))
            if found.failed:
                subject = _without_embedded(subject)
        yield from _servers("broker", subject.broker, around, timeout, subject.broker_use_ssl)
        yield from _results(subject, around, timeout)
    yield from in_group("node", node)


def _here(subject: Subject, around: Surroundings) -> Iterator[Check]:
    place = f"a container ({around.container}: {around.sign})" if around.container else "no sign of a container"
    yield Check("place", Status.OK, place)
    yield from versions()
    for name in subject.overriding:
        yield Check(
            "environment",
            Status.FAILED,
            f"{name} leads elsewhere than the fleet file",
            "Celery prefers this variable to every setting, and connecting is then refused",
            f"unset {name}, or name its address in the fleet file",
        )
    if subject.app_error is not None:
        yield Check(
            "app",
            Status.WARNING,
            f"it cannot be asked for its settings of TLS: {subject.app_error}",
            "its module, or one that it imports, cannot be imported here",
            "`allot check` shows where",
        )


def _servers(group: str, urls: str, around: Surroundings, timeout: float, use_ssl: Any) -> Iterator[Check]:
    """Look at each of the servers that stand in for one another."""
    results = group == _RESULTS
    listed = [server_checks(url, around, timeout, use_ssl, results=results) for url in each_url(urls)] if urls else []
    if len(listed) == 1:
        yield from in_group(group, listed[0])
        return
    # what one that is down means is known when all were looked at; Celery has no lists of result backends
    nodes = [list(checks) for checks in listed]
    for number, checks in enumerate(nodes if results else judged_together(nodes), 1):
        yield from in_group(f"{group} {number}", checks)


def _results(subject: Subject, around: Surroundings, timeout: float) -> Iterator[Check]:
    if subject.results is None:
        return
    said = {NO_RESULTS: "they are not kept: nothing to look at", "rpc": "they go over the broker, as replies"}
    scheme = subject.results.partition("://")[0]
    told = said.get(subject.results) or said.get(scheme)
    if told is not None:
        yield from in_group(_RESULTS, (Check("address", Status.OK, told),))
        return
    yield from _servers(_RESULTS, subject.results, around, timeout, subject.results_use_ssl)


def _without_embedded(subject: Subject) -> Subject:
    """Leave out what was already seen to be gone."""
    broker = subject.embedded.broker_url if subject.embedded else None
    results = subject.embedded.results_url if subject.embedded else None
    return replace(
        subject,
        broker="" if subject.broker == broker else subject.broker,
        results=None if subject.results == results else subject.results,
    )
