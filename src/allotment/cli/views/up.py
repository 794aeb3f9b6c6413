"""What `allot up` shows while the fleet runs."""

from collections.abc import Sequence
from typing import Protocol

from allotment.cli.views.up_json import JsonLines
from allotment.cli.views.up_text import TextLines
from allotment.local.part import Part
from allotment.local.supervision.following import FollowReporter
from allotment.local.supervision.reporter import Reporter


class UpReporter(Reporter, FollowReporter, Protocol):
    """A reporter that also knows of the fleet as a whole; `deaf`: nobody reads any more what it writes."""

    @property
    def deaf(self) -> bool:
        """Whether nobody reads any more."""

    def close(self) -> None:
        """Nothing more happens."""

    def header(self, part: Part) -> None:
        """The workers are about to be started."""

    def left_over(self, name: str) -> None:
        """A worker that an earlier supervisor had left was ended."""

    def all_ready(self, count: int) -> None:
        """Every worker consumes."""

    def stopping(self, grace: float) -> None:
        """Told to stop; `grace` 0: at once."""


def reporter(form: str, names: Sequence[str]) -> UpReporter:
    """Give the reporter for a format."""
    return JsonLines() if form == "json" else TextLines(names)
