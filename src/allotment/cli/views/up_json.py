"""What `allot up` prints for programs."""

import json
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from allotment.cli.output import error_document
from allotment.cli.views.listener import Listener
from allotment.errors import AllotmentError
from allotment.local.part import Part


class JsonLines(Listener):
    """One JSON object a line."""

    def _print(self, event: str, **values: Any) -> None:
        self._write(json.dumps({"time": time.time(), "event": event, **values}))

    def header(self, part: Part) -> None:
        """Name the fleet's part."""
        self._print(
            "fleet", file=str(part.file.path), nodes=part.nodes, workers=[worker.name for worker in part.workers]
        )

    def line(self, name: str, text: str) -> None:
        """Give a line of the log."""
        self._print("line", worker=name, text=text)

    def started(self, name: str, pid: int) -> None:
        """Give a start."""
        self._print("started", worker=name, pid=pid)

    def ready(self, name: str) -> None:
        """Give a worker's readiness."""
        self._print("ready", worker=name)

    def ended(self, name: str, code: int) -> None:
        """Give an end."""
        self._print("ended", worker=name, code=code)

    def again(self, name: str, delay: float, failures: int, last_lines: Sequence[str]) -> None:
        """Give a restart to come."""
        self._print("again", worker=name, seconds=delay, failures=failures, last_lines=list(last_lines))

    def given_up(self, name: str, code: int, last_lines: Sequence[str]) -> None:
        """Give a worker that is not started again."""
        self._print("given-up", worker=name, code=code, last_lines=list(last_lines))

    def restarting(self, name: str, reason: str) -> None:
        """Give a worker that does not do its work."""
        self._print("restarting", worker=name, reason=reason)

    def draining(self, name: str) -> None:
        """Give a worker that takes nothing more."""
        self._print("draining", worker=name)

    def warning(self, text: str) -> None:
        """Give what is not as it should be."""
        self._print("warning", text=text)

    def file_changed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        """Give a change of the file."""
        self._print("file-changed", file=str(file), since=since.timestamp(), problems=_documents(problems))

    def file_as_before(self, file: Path) -> None:
        """Give a change that was taken back."""
        self._print("file-as-before", file=str(file))

    def not_followed(self, file: Path, since: datetime, problems: Sequence[AllotmentError]) -> None:
        """Give why the file is not followed."""
        self._print("not-followed", file=str(file), since=since.timestamp(), problems=_documents(problems))

    def following(self, ending: Sequence[str], starting: Sequence[str], changing: Sequence[str]) -> None:
        """Give what is about to happen."""
        self._print("following", ending=list(ending), starting=list(starting), changing=list(changing))

    def followed(self, file: Path, stuck: str | None) -> None:
        """Give that it is done, or how far it came."""
        self._print("followed", file=str(file), stuck=stuck)

    def left_over(self, name: str) -> None:
        """Give an old process that was ended."""
        self._print("left-over", worker=name)

    def all_ready(self, count: int) -> None:
        """Give the fleet's readiness."""
        self._print("fleet-ready", workers=count)

    def stopping(self, grace: float) -> None:
        """Give the stop."""
        self._print("stopping", grace=grace)


def _documents(problems: Sequence[AllotmentError]) -> list[dict[str, Any]]:
    return [error_document(problem) for problem in problems]
