"""Which workers run and do not do their work, by what they say of themselves."""

from allotment.local.heartbeat import LIMIT, QUIET, Beat

PATIENCE = 30.0
"""Seconds for which a worker may say nothing, or stand still, before it is started again."""


class Watch:
    """Follows the beats of one worker's process. A broker that does not answer is never the worker's fault."""

    def __init__(self) -> None:
        self._beat: Beat | None = None
        self._since: float | None = None

    @property
    def running(self) -> int | None:
        """How many tasks it ran when it last said; None: it has not said."""
        return self._beat.running if self._beat else None

    def heard(self, beat: Beat | None) -> None:
        """Take what it says; None: it stops, and says nothing more."""
        self._beat = beat
        if beat is None:
            self._since = None

    def trouble(self, now: float) -> str | None:
        """Say why it has to be started again at this moment of the monotonic clock; None: it need not be."""
        if self._beat is None:
            return None
        if self._beat.starved is not None:
            return self._beat.starvation
        found = _standstill(self._beat, now)
        if found is None:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        # as long as that while it could have done otherwise: after an outage everything is old at first
        return found if now - self._since >= PATIENCE - LIMIT else None


def _standstill(beat: Beat, now: float) -> str | None:
    """Say what of a worker stands still, or None."""
    if now - beat.written > LIMIT:
        return f"hangs: it has said nothing for {now - beat.written:.0f} s"
    if beat.broker is None or beat.loop is None or not beat.connected or now - beat.broker > QUIET:
        return None
    if now - beat.loop > LIMIT:
        return f"hangs: its main loop has stood still for {now - beat.loop:.0f} s"
    return None
