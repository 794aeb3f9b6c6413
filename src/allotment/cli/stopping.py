"""Ctrl-C for work that is made of many small steps: the step that runs is finished first."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """Have the first Ctrl-C only ask for an end, and give what says whether it did; a second one ends at once."""
    asked = False

    def ask(_: int, __: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
