"""The bench: runs cases on brokers. Cases that leave a fleet whole share one."""

import contextlib
import shutil
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from allotment.testing.faults.brokers import BROKERS, FaultBroker
from allotment.testing.faults.case import Case, Skipped
from allotment.testing.faults.gathering import Drained, drain, gather, left_behind
from allotment.testing.faults.oracle import Verdict, judge
from allotment.testing.faults.outcome import Outcome, Status, not_seen, status_of
from allotment.testing.faults.scene import Scene

_DRAIN_SECONDS = 150.0
"""The longest that anything may take to come back: kombu looks for unacknowledged messages every 100 s on Redis."""
_LESS_SECONDS = 30.0
"""The same where something is to be lost: without safeguards, and with plain Celery."""


class Bench:
    """Runs cases one at a time. As a context manager; nothing of it runs or lies about afterwards.

    `plain` runs them with plain Celery, `without` with safeguards taken away. `keep` is a folder in which the fleets'
    folders stay, for whoever wants to read their logs. Whatever a case or its harness raises is an outcome too.
    """

    def __init__(self, *, plain: bool = False, without: Sequence[str] = (), keep: Path | None = None) -> None:
        self._plain = plain
        self._without = tuple(without)
        self._keep = keep
        self._broker: FaultBroker | None = None
        self._scene: Scene | None = None
        self._open = contextlib.ExitStack()
        self._stops: list[Outcome] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def run(self, case: Case, broker: str) -> Outcome:
        """Run a case on a broker."""
        reason = self._why_not(case, broker)
        if reason:
            return _not_judged(case, broker, Status.SKIPPED, reason)
        try:
            scene = self._scene_for(case, broker)
        except Exception as error:  # noqa: BLE001 - the other cases are run all the same
            return self._raised(case, broker, f"the fleet did not start: {_words(error)}")
        try:
            case.run(scene)
            outcome = self._judged(case, broker, scene)
        except Skipped as skipped:
            outcome = _not_judged(case, broker, Status.SKIPPED, str(skipped))
        except Exception as error:  # noqa: BLE001 - as above
            if self._keep is not None:
                (scene.folder / "raised.txt").write_text(traceback.format_exc())
            return self._raised(case, broker, _words(error))
        if case.alone or outcome.status is Status.BROKEN:
            self._stop_fleet()  # the next case must not find what this one left
        return outcome

    def finish(self) -> tuple[Outcome, ...]:
        """Stop all that runs; give an outcome for each fleet or broker that did not end whole, of no case's own."""
        self._stop_fleet()
        self._stop_broker()
        found, self._stops = tuple(self._stops), []
        return found

    def _why_not(self, case: Case, broker: str) -> str | None:
        if case.elsewhere:
            return case.elsewhere
        if broker not in case.brokers:
            return f"it makes sense on {', '.join(case.brokers)} alone"
        if self._plain and case.supervised:
            return "plain Celery has no supervisor"
        if self._plain and broker == "embedded":
            return "plain Celery has no embedded broker"
        return BROKERS[broker].unavailable()

    def _judged(self, case: Case, broker: str, scene: Scene) -> Outcome:
        drained = drain(scene, _LESS_SECONDS if self._plain or self._without else _DRAIN_SECONDS)
        verdict = judge(gather(scene))
        if not self._plain:
            scene.expect("the queues are empty in the end", drained.left or "they are", holds=drained.empty)
        if case.alone:
            verdict = replace(verdict, orphans=(*verdict.orphans, *self._close_scene()))
        return _outcome(case, broker, scene, verdict, drained)

    def _raised(self, case: Case, broker: str, words: str) -> Outcome:
        """Give the outcome of a case that could not be brought to its end, and stop what it may have left broken."""
        self._stop_fleet()
        self._stop_broker()
        return _not_judged(case, broker, Status.BROKEN, words)

    def _scene_for(self, case: Case, broker: str) -> Scene:
        if self._broker is None or self._broker.name != broker:
            self._stop_fleet()
            self._stop_broker()
            self._broker = self._open.enter_context(BROKERS[broker]())
        shared = self._scene
        if shared is not None and not case.alone and shared.grace == case.grace:
            shared.begin()
            return shared
        self._stop_fleet()
        folder = Path(tempfile.mkdtemp(prefix="allotment-faults-", dir=self._keep))
        self._scene = Scene(self._broker, folder, plain=self._plain, without=self._without, grace=case.grace)
        return self._scene.__enter__()

    def _stop_fleet(self) -> None:
        """Stop the open fleet, and note it where something is left of it or it cannot be stopped."""
        scene = self._scene
        if scene is None:
            return
        orphans: tuple[str, ...] = ()
        words = ""
        try:
            orphans = self._close_scene()
        except Exception as error:  # noqa: BLE001 - as above
            words = _words(error)
        if words or (orphans and not self._plain):
            self._stops.append(_not_stopped("the fleet is stopped", scene.broker.name, words, orphans))

    def _stop_broker(self) -> None:
        broker, self._broker = self._broker, None
        try:
            self._open.close()
        except Exception as error:  # noqa: BLE001 - as above
            name = broker.name if broker else "a broker"
            self._stops.append(_not_stopped("the broker is stopped", name, _words(error)))

    def _close_scene(self) -> tuple[str, ...]:
        """Stop the fleet of the open scene, and give the processes that were left of it, which are ended."""
        scene, self._scene = self._scene, None
        if scene is None:
            return ()
        try:
            scene.__exit__()
        finally:
            orphans = left_behind(scene)
            if self._keep is None:
                shutil.rmtree(scene.folder, ignore_errors=True)
        return orphans


def _outcome(case: Case, broker: str, scene: Scene, verdict: Verdict, drained: Drained) -> Outcome:
    checks, landed = tuple(scene.checks), tuple(scene.landings)
    unseen = not_seen(verdict, landed, tuple(scene.misses))
    status = status_of(verdict, checks, unseen)
    note = f"not seen: {'; '.join(unseen)}" if status is Status.MISSED else ""
    return Outcome(case.number, case.title, broker, status, verdict, checks, landed, drained.seconds, note)


def _not_judged(case: Case, broker: str, status: Status, note: str) -> Outcome:
    return Outcome(case.number, case.title, broker, status, note=note)


def _not_stopped(title: str, broker: str, words: str, orphans: tuple[str, ...] = ()) -> Outcome:
    return Outcome("stop", title, broker, Status.BROKEN, Verdict(confirmed=0, orphans=orphans), note=words)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def pairs(cases: Sequence[Case], brokers: Sequence[str], *, short: bool) -> Iterator[tuple[Case, str]]:
    """Give what is to be run, broker by broker, those that share a fleet one after another.

    `short` leaves out what the short form does. A case that is tested elsewhere, or makes sense on none of the brokers,
    is given once, for the reason to be told.
    """
    for broker in brokers:
        chosen = [case for case in cases if not case.elsewhere and broker in (case.short if short else case.brokers)]
        for case in sorted(chosen, key=lambda case: case.alone):
            yield case, broker
    for case in cases:
        if case.elsewhere or not set(brokers) & set(case.brokers):
            yield case, brokers[0]
