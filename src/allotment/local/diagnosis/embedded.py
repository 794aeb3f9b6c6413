"""Whether the embedded broker of a fleet runs, or can be started."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from allotment.errors import AllotmentError
from allotment.local.diagnosis.check import Check, Status, Stopwatch
from allotment.local.diagnosis.network import hang_up, opened
from allotment.local.embedded import EmbeddedBroker

_AT_ONCE = 1.0
"""Seconds in which a Unix socket that somebody listens on takes a connection."""


@contextmanager
def embedded_held(broker: EmbeddedBroker) -> Iterator[Check]:
    """Hold the embedded broker while it is looked at, and give what was found.

    One that did not run is started, and ends by itself when it is held no more.
    """
    watch = Stopwatch()
    ran = _runs(broker)
    try:
        try:
            broker.hold()
        except AllotmentError as error:
            remedy = error.hint or "see keeper.log in the state folder"
            yield Check("embedded", Status.FAILED, error.message, "it did not start", remedy, watch.milliseconds)
            return
        told = "runs" if ran else "did not run, can be started, and ends again after this"
        yield Check("embedded", Status.OK, f"{told}: {broker.socket_path}", milliseconds=watch.milliseconds)
    finally:
        broker.release()


def _runs(broker: EmbeddedBroker) -> bool:
    try:
        hang_up(opened((socket.AF_UNIX, str(broker.socket_path)), _AT_ONCE))
    except OSError:
        return False
    return True
