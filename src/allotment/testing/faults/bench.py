"""The bench: runs cases on brokers. Cases that leave a fleet whole share one."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from allotment.errors import AllotmentError
from allotment.testing.faults.brokers import BROKERS, FaultBroker
from allotment.testing.faults.case import Case, Skipped
from allotment.testing.faults.gathering import Drained, drain, gather, left_behind
from allotment.testing.faults.oracle import Verdict, judge
from allotment.testing.faults.outcome import Outcome, Status, status_of
from allotment.testing.faults.scene import Scene

_DRAIN_SECONDS = 150.0
"""The longest that anything may take to come back: kombu looks for unacknowledged messages every 100 s on Redis."""
_LESS_SECONDS = 30.0
"""The same where something is to be lost: without safeguards, and with plain Celery."""


class Bench:
    """Runs cases one at a time. As a context manager; nothing of it runs or lies about afterwards.

    `plain` runs them with plain Celery, `without` with safeguards taken away. `keep` is a folder in which the fleets'
    folders stay, for whoever wants to read their logs.
    """

    def __init__(self, *, plain: bool = False, without: Sequence[str] = (), keep: Path | None = None) -> None:
        self._plain = plain
        self._without = tuple(without)
        self._keep = keep
        self._broker: FaultBroker | None = None
        self._scene: Scene | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_scene()
        self._open.close()

    def run(self, case: Case, broker: str) -> Outcome:
        """Run a case on a broker."""
        reason = self._why_not(case, broker)
        if reason:
            return Outcome(case.number, case.title, broker, Status.SKIPPED, note=reason)
        try:
            scene = self._scene_for(case, broker)
        except (AllotmentError, TimeoutError) as error:
            self._close_scene()
            return Outcome(case.number, case.title, broker, Status.BROKEN, note=f"the fleet did not start: {error}")
        try:
            case.run(scene)
            outcome = self._judge(case, broker, scene)
            if outcome.status is Status.BROKEN:
                self._close_scene()  # the next case must not find what this one left
            return outcome
        except Skipped as skipped:
            return Outcome(case.number, case.title, broker, Status.SKIPPED, note=str(skipped))
        except (AllotmentError, OSError) as error:
            self._close_scene()
            return Outcome(case.number, case.title, broker, Status.BROKEN, note=f"{type(error).__name__}: {error}")
        finally:
            if case.alone:
                self._close_scene()

    def _why_not(self, case: Case, broker: str) -> str | None:
        if case.elsewhere:
            return case.elsewhere
        if broker not in case.brokers:
            return "it makes no sense on this broker"
        if self._plain and case.supervised:
            return "plain Celery has no supervisor"
        if self._plain and broker == "embedded":
            return "plain Celery has no embedded broker"
        return BROKERS[broker].unavailable()

    def _judge(self, case: Case, broker: str, scene: Scene) -> Outcome:
        drained = drain(scene, _LESS_SECONDS if self._plain or self._without else _DRAIN_SECONDS)
        verdict = judge(gather(scene))
        if not self._plain:
            scene.expect("the queues are empty in the end", drained.left or "they are", holds=drained.empty)
        if case.alone:
            verdict = replace(verdict, orphans=(*verdict.orphans, *self._close_scene()))
        return self._outcome(case, broker, scene, verdict, drained)

    def _outcome(self, case: Case, broker: str, scene: Scene, verdict: Verdict, drained: Drained) -> Outcome:
        checks, landed, missed = tuple(scene.checks), tuple(scene.landings), tuple(scene.misses)
        status = status_of(verdict, checks, landed, missed)
        note = f"not seen: {'; '.join(missed) or 'the fault'}" if status is Status.MISSED else ""
        return Outcome(case.number, case.title, broker, status, verdict, checks, landed, drained.seconds, note)

    def _scene_for(self, case: Case, broker: str) -> Scene:
        if self._broker is None or self._broker.name != broker:
            self._close_scene()
            self._open.close()
            self._broker = BROKERS[broker]()
            self._open.enter_context(self._broker)
        shared = self._scene
        if shared is not None and not case.alone and shared.grace == case.grace:
            shared.begin()
            return shared
        self._close_scene()
        folder = Path(tempfile.mkdtemp(prefix="allotment-faults-", dir=self._keep))
        scene = Scene(self._broker, folder, plain=self._plain, without=self._without, grace=case.grace)
        scene.__enter__()
        self._scene = scene
        return scene

    def _close_scene(self) -> tuple[str, ...]:
        """Stop the fleet of the open scene, and give the processes that were left of it, which are ended."""
        scene, self._scene = self._scene, None
        if scene is None:
            return ()
        scene.__exit__()
        orphans = left_behind(scene)
        if self._keep is None:
            shutil.rmtree(scene.folder, ignore_errors=True)
        return orphans


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
        if case.elsewhere:
            yield case, brokers[0]
