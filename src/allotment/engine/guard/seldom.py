"""Warnings that would come for each message, each second."""

import logging
import time

PERIOD = 60.0
"""Seconds between two lines of the same kind."""


class SeldomWarning:
    """Logs the first of its kind at once, and from then on once in a while how many there were."""

    def __init__(self, logger: logging.Logger, text: str) -> None:
        self._logger = logger
        self._text = text
        self._told: dict[type[Exception], float] = {}
        self._untold: dict[type[Exception], int] = {}

    def of(self, error: Exception) -> None:
        """Log that it came to this error, the kind of which is its type."""
        kind, now = type(error), time.monotonic()
        if kind in self._told and now - self._told[kind] < PERIOD:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        since = self._untold.pop(kind, 0)
        self._told[kind] = now
        more = f" ({since} more times since this was last said)" if since else ""
        self._logger.warning("%s: %r%s", self._text, error, more)
